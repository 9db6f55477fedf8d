/// What a snapshot of the state machine stands for.
public struct SnapshotMetadata: Hashable, Sendable {
    /// The last entry whose effect the snapshot has.
    public let index: LogIndex
    /// The term of that entry.
    public let term: Term
    /// The members as of that entry.
    public let configuration: Configuration

    public init(index: LogIndex, term: Term, configuration: Configuration) {
        self.index = index
        self.term = term
        self.configuration = configuration
    }
}
