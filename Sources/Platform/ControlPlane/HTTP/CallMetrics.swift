import ApusGRPC
import ApusPrimitives
import Metrics

/// `grpc_server_started_total` and `grpc_server_handled_total`, as etcd has them. Calls of methods that are not there are not
/// counted: their names are made up by strangers.
final class CallMetrics: GRPCServerMiddleware {
    private struct Series: Sendable {
        let labels: [(String, String)]
        let started: Counter
        let succeeded: Counter
    }

    private struct Failure: Hashable {
        let path: String
        let code: GRPCCode
    }

    private let series: [String: Series]
    /// At most one for each method and status.
    private let failures = Locked<[Failure: Counter]>([:])

    init(_ services: [GRPCService]) {
        let methods = GRPCLocalServices(services)
        var series: [String: Series] = [:]
        for service in services {
            for method in service.methodNames {
                let path = "\(service.name)/\(method)"
                let labels = [
                    ("grpc_method", method), ("grpc_service", service.name),
                    ("grpc_type", methods.isStream(path) == true ? Self.kind(ofStream: method) : "unary"),
                ]
                series[path] = Series(
                    labels: labels, started: Counter(label: "grpc_server_started_total", dimensions: labels),
                    succeeded: Self.handled(.ok, labels))
            }
        }
        self.series = series
    }

    func began(_ head: inout GRPCRequestHead) throws {
        series[head.path]?.started.increment()
    }

    func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {
        guard let series = series[head.path] else { return }
        if outcome.code == .ok { return series.succeeded.increment() }
        let failure = Failure(path: head.path, code: outcome.code)
        failures.withLock { failures in
            let counter = failures[failure] ?? Self.handled(outcome.code, series.labels)
            failures[failure] = counter
            return counter
        }.increment()
    }

    private static func handled(_ code: GRPCCode, _ labels: [(String, String)]) -> Counter {
        Counter(label: "grpc_server_handled_total", dimensions: [("grpc_code", goName(code))] + labels)
    }

    private static func kind(ofStream method: String) -> String {
        ["Snapshot", "Observe"].contains(method) ? "server_stream" : "bidi_stream"
    }

    /// `NotFound` for NOT_FOUND: the names of grpc-go.
    static func goName(_ code: GRPCCode) -> String {
        code == .ok
            ? "OK"
            : code == .cancelled
                ? "Canceled"
                : code.name.split(separator: "_").map { $0.prefix(1) + $0.dropFirst().lowercased() }.joined()
    }
}
