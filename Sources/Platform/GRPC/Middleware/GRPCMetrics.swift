import ApusPrimitives
public import CoreMetrics

/// `rpc.server.duration` or `rpc.client.duration`: how long calls take, by method and status. A timer is made once for each
/// of these, and not for each call.
///
/// The methods of a server are those that it has; names that strangers make up are all counted as "unknown".
public final class GRPCMetrics: GRPCServerMiddleware, GRPCClientInterceptor {
    private struct Key: Hashable {
        let path: String
        let code: GRPCCode
    }

    /// Timers that are kept at most; what comes beyond is counted as "unknown".
    private static let maximumTimers = 10_000

    private let label: String
    private let factory: (any MetricsFactory)?
    private let timers = Locked<[Key: Timer]>([:])

    private init(label: String, factory: (any MetricsFactory)?) {
        self.label = label
        self.factory = factory
    }

    /// - Parameter factory: nil for the process's backend.
    public static func server(factory: (any MetricsFactory)? = nil) -> GRPCMetrics {
        GRPCMetrics(label: "rpc.server.duration", factory: factory)
    }

    /// - Parameter factory: nil for the process's backend.
    public static func client(factory: (any MetricsFactory)? = nil) -> GRPCMetrics {
        GRPCMetrics(label: "rpc.client.duration", factory: factory)
    }

    public func began(_ head: inout GRPCRequestHead) throws {}
    public func began(_ head: inout GRPCCallHead) throws {}

    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {
        record(head.isKnown ? head.path : "unknown", outcome)
    }

    public func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {
        record(head.path, outcome)
    }

    private func record(_ path: String, _ outcome: GRPCOutcome) {
        let key = Key(path: path, code: outcome.code)
        let timer = timers.withLock { timers in
            if let timer = timers[key] { return timer }
            let isFull = timers.count >= Self.maximumTimers
            let timer = make(isFull ? Key(path: "unknown", code: outcome.code) : key)
            if !isFull { timers[key] = timer }
            return timer
        }
        timer.recordNanoseconds(outcome.duration.nanoseconds)
    }

    private func make(_ key: Key) -> Timer {
        let parts = key.path.split(separator: "/", maxSplits: 1).map(String.init)
        let dimensions = [
            ("rpc.service", parts.count == 2 ? parts[0] : ""), ("rpc.method", parts.last ?? ""),
            ("rpc.grpc.status_code", key.code.name),
        ]
        if let factory { return Timer(label: label, dimensions: dimensions, factory: factory) }
        return Timer(label: label, dimensions: dimensions)
    }
}
