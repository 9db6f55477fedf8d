public import ApusResilience

/// Sees every call of a client twice: when it begins, once for all its attempts, and when it is over.
public protocol GRPCClientInterceptor: Sendable {
    /// The call is about to be made; `head` may be changed: more metadata, a shorter deadline.
    ///
    /// - Throws: what the call ends with at once; nothing is sent.
    func began(_ head: inout GRPCCallHead) throws
    /// The call is over; called once for each `began` that did not throw.
    func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome)
}

/// What a client says before the messages of a call.
public struct GRPCCallHead: Sendable {
    /// "package.Service/Method".
    public let path: String
    public var metadata: GRPCMetadata
    public var deadline: Deadline?
    public var waitForReady: Bool
    var compresses: Bool
}

extension GRPCClientInterceptor {
    public func began(_ head: inout GRPCCallHead) throws {}
    public func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {}
}
