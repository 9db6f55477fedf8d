/// Where in a distributed trace the current work belongs: W3C Trace Context, level 1 (w3.org/TR/trace-context-1).
///
/// A value stands for one span. Whoever receives a request continues it with `received`, whoever calls another service
/// sends the `traceparent` of a `child()`.
public struct TraceContext: Hashable, Sendable {
    /// 16 bytes that all spans of one trace share; never all zero.
    public struct TraceID: Hashable, Sendable, CustomStringConvertible {
        public let high: UInt64
        public let low: UInt64

        /// Nil when both halves are zero, which the specification reserves for "none".
        public init?(high: UInt64, low: UInt64) {
            guard high | low != 0 else { return nil }
            self.high = high
            self.low = low
        }

        /// 32 lower-case hexadecimal digits.
        public var description: String { Hex.string(high) + Hex.string(low) }
    }

    /// 8 bytes that name one span ("parent-id" on the wire); never all zero.
    public struct SpanID: Hashable, Sendable, CustomStringConvertible {
        public let value: UInt64

        public init?(_ value: UInt64) {
            guard value != 0 else { return nil }
            self.value = value
        }

        /// 16 lower-case hexadecimal digits.
        public var description: String { Hex.string(value) }
    }

    public let traceID: TraceID
    public let spanID: SpanID
    /// The span that this one was made under; nil for the first of a trace and for one read from the wire.
    public let parentSpanID: SpanID?
    /// The caller may have recorded this trace (flag 01).
    public let isSampled: Bool
    /// What other vendors asked to be passed on, already checked and bounded; nil for nothing.
    public let traceState: TraceState?

    /// The span that the current task works for. Child tasks inherit it.
    @TaskLocal public static var current: TraceContext?

    init(
        traceID: TraceID, spanID: SpanID, parentSpanID: SpanID? = nil, isSampled: Bool, traceState: TraceState? = nil
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.parentSpanID = parentSpanID
        self.isSampled = isSampled
        self.traceState = traceState
    }

    /// The first span of a new trace.
    public static func root(using random: inout some RandomNumberGenerator) -> TraceContext {
        let traceID = TraceID(high: random.next(), low: random.next(upperBound: UInt64.max) + 1)!
        return TraceContext(traceID: traceID, spanID: .random(using: &random), isSampled: true)
    }

    /// The first span of a new trace.
    public static func root() -> TraceContext {
        var random = SystemRandomNumberGenerator()
        return root(using: &random)
    }

    /// A new span under this one, in the same trace.
    public func child(using random: inout some RandomNumberGenerator) -> TraceContext {
        TraceContext(
            traceID: traceID, spanID: .random(using: &random), parentSpanID: spanID, isSampled: isSampled,
            traceState: traceState)
    }

    /// A new span under this one, in the same trace.
    public func child() -> TraceContext {
        var random = SystemRandomNumberGenerator()
        return child(using: &random)
    }

    /// The span of a request that arrived with these header fields, each possibly several times or not at all.
    ///
    /// A `traceparent` that is missing, doubled or not valid starts a new trace, and its `tracestate` is dropped.
    public static func received(traceparent: [String], tracestate: [String] = []) -> TraceContext {
        guard traceparent.count == 1,
            let caller = TraceContext(traceparent: traceparent[0], tracestate: tracestate)
        else { return root() }
        return caller.child()
    }
}

extension TraceContext.SpanID {
    static func random(using random: inout some RandomNumberGenerator) -> Self {
        Self(random.next(upperBound: UInt64.max) + 1)!
    }
}
