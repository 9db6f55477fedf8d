/// Sees every call of a server twice: when it begins and when it is over. Both are called on the event loop of the call's
/// connection, so they must not wait.
public protocol GRPCServerMiddleware: Sendable {
    /// The call has come; `head` may be changed: a shorter deadline, a trace.
    ///
    /// - Throws: what the call is answered with at once; its handler does not run.
    func began(_ head: inout GRPCRequestHead) throws
    /// The call is over, however it ended; called once for each `began` that did not throw.
    func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome)
}

/// How a call ended.
public struct GRPCOutcome: Sendable {
    /// `.cancelled` when the caller went away.
    public let code: GRPCCode
    /// From its headers to its status.
    public let duration: Duration
    /// What was thrown; nil when the call went well. It may say more than the caller was told.
    public let error: GRPCError?
}

extension GRPCServerMiddleware {
    public func began(_ head: inout GRPCRequestHead) throws {}
    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {}
}
