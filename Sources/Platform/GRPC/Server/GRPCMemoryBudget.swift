import ApusPrimitives

/// A count of the bytes that wait because of clients: requests that have not come whole, answers that are not taken. Shared by all
/// connections of a server, and by the servers that are given the same one.
public final class GRPCMemoryBudget: Sendable {
    /// From this on what is to wait is refused; up to one message for each connection passes it.
    public let limitBytes: Int
    private let used = Locked(0)

    public init(limitBytes: Int) {
        self.limitBytes = limitBytes
    }

    public var usedBytes: Int { used.withLock { $0 } }

    public var isFull: Bool { usedBytes > limitBytes }

    /// - Parameter bytes: more that wait; less than 0 for some that wait no longer.
    public func add(_ bytes: Int) {
        if bytes != 0 { used.withLock { $0 += bytes } }
    }

    /// Fewer bytes are not counted one by one: a connection counts them when they are together as many.
    public static let step = 1 << 20

    /// What is refused is told this.
    public static var exceeded: GRPCError {
        GRPCError(.resourceExhausted, "too many bytes of requests and answers wait on this server; try again later")
    }

    /// - Throws: `exceeded`, for an answer of so many bytes, before it is made.
    public func check(_ bytes: Int) throws(GRPCError) {
        if bytes >= Self.step, isFull { throw Self.exceeded }
    }
}
