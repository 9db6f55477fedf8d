import ApusObservability
import ApusPrimitives
import CoreMetrics

/// The metrics that every host has.
struct RequestMetrics: Sendable {
    let inFlight: Meter
    private let service: String
    private let registry: PrometheusRegistry

    private static let duration = "http_server_request_duration_seconds"

    init(service: String, registry: PrometheusRegistry) {
        self.service = service
        self.registry = registry
        inFlight = Meter(
            label: "http_server_requests_in_flight", dimensions: [("service", service)], factory: registry)
        registry.describe(Self.duration, as: .timer, "Time from the request's head to the answer, by route.")
        registry.describe("http_server_requests_in_flight", as: .gauge, "Requests being worked on.")
    }

    /// - Parameter route: the pattern of the route and never the path itself, so that strangers cannot make up series.
    func record(route: String?, method: String, status: Int, took: Duration) {
        Timer(
            label: Self.duration,
            dimensions: [
                ("service", service), ("route", route ?? "none"), ("method", method), ("status", String(status)),
            ], factory: registry
        ).recordNanoseconds(took.nanoseconds)
    }

    /// A request that was refused before it was one: malformed, too large, too slow.
    func refused(status: Int) {
        Counter(
            label: "http_server_refused_total", dimensions: [("service", service), ("status", String(status))],
            factory: registry
        ).increment()
    }
}
