public import ApusPrimitives

/// One place of the replicated log.
public struct Entry: Hashable, Sendable {
    public enum Payload: Hashable, Sendable {
        /// What a new leader appends, so that it learns what is committed (Raft, section 8).
        case empty
        /// A command for the state machine; the core never looks into it.
        case command(Bytes)
        /// The members from here on, in force from the moment that the entry is in a node's log (dissertation, section
        /// 4.1). `context` is the application's: the addresses of new members, say.
        ///
        /// Boxed: it is rare, and the entries that are not would all be as large as it.
        indirect case configuration(Configuration, context: Bytes)
    }

    public let term: Term
    public let index: LogIndex
    public let payload: Payload

    public init(term: Term, index: LogIndex, payload: Payload) {
        self.term = term
        self.index = index
        self.payload = payload
    }

    /// What the entry counts for in every bound on bytes: its payload and a fixed overhead.
    public var size: Int {
        switch payload {
        case .empty: Self.overhead
        case .command(let command): Self.overhead + command.count
        case .configuration(let configuration, let context):
            Self.overhead + 8 * configuration.memberCount + context.count
        }
    }

    /// Bytes in memory beside the payload.
    static let overhead = 64
}
