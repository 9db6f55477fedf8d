import ApusObservability

/// Carries W3C Trace Context: a server continues the caller's trace as `TraceContext.current` of its handler and
/// `GRPCRequestHead.trace`, a client sends a child of `TraceContext.current`.
public struct GRPCTracing: GRPCServerMiddleware, GRPCClientInterceptor {
    public init() {}

    public func began(_ head: inout GRPCRequestHead) throws {
        let parent = head.headers.string(.traceparent).map { [$0] } ?? []
        head.trace = TraceContext.received(
            traceparent: parent, tracestate: parent.isEmpty ? [] : head.metadata.texts(named: TraceContext.stateHeader))
    }

    public func began(_ head: inout GRPCCallHead) throws {
        guard let trace = TraceContext.current?.child() else { return }
        head.metadata.removeAll(named: TraceContext.parentHeader)
        head.metadata.removeAll(named: TraceContext.stateHeader)
        head.metadata.add(trace.traceparent, for: TraceContext.parentHeader)
        if let state = trace.traceState { head.metadata.add("\(state)", for: TraceContext.stateHeader) }
    }

    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {}
    public func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {}
}
