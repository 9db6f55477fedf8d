import CoreMetrics

/// The metrics of one event loop. Each series is looked up once, since making one costs more than a request.
final class GatewayMetrics {
    private let core: GatewayCore
    private var requests: [Int: Counter] = [:]
    private var durations: [Timer] = []
    private var retries: [Counter] = []
    private var ejections: [String: Counter] = [:]
    private var refusedRetries: [String: Counter] = [:]
    private let active: Gauge

    init(_ core: GatewayCore) {
        self.core = core
        let factory = core.factory
        active = Gauge(label: "apus_gateway_active_connections", dimensions: [], factory: factory)
        for entry in core.routes.entries {
            let labels = [("route", entry.label), ("service", entry.route.service)]
            durations.append(
                Timer(label: "apus_gateway_request_duration_seconds", dimensions: labels, factory: factory))
            retries.append(Counter(label: "apus_gateway_retries_total", dimensions: labels, factory: factory))
        }
    }

    func connections(_ count: Int) {
        active.record(count)
    }

    func ended(route: Int, status: Int, method: RequestHead.Method, nanoseconds: Int64) {
        counter(route: route, status: status, method: method).increment()
        durations[route].recordNanoseconds(nanoseconds)
    }

    /// A request that the gateway answered without a service.
    func refused(status: Int, method: RequestHead.Method) {
        counter(route: nil, status: status, method: method).increment()
    }

    func retried(route: Int) {
        retries[route].increment()
    }

    func ejected(service: String) {
        if ejections[service] == nil {
            ejections[service] = Counter(
                label: "apus_gateway_ejections_total", dimensions: [("service", service)], factory: core.factory)
        }
        ejections[service]?.increment()
    }

    /// The retry budget of the service was used up.
    func retryRefused(service: String) {
        if refusedRetries[service] == nil {
            refusedRetries[service] = Counter(
                label: "apus_gateway_retries_refused_total", dimensions: [("service", service)], factory: core.factory)
        }
        refusedRetries[service]?.increment()
    }

    private func counter(route: Int?, status: Int, method: RequestHead.Method) -> Counter {
        let key = ((route ?? -1) + 1) << 16 | status << 4 | Int(method.rawValue)
        if let known = requests[key] { return known }
        let entry = route.map { core.routes.entries[$0] }
        let counter = Counter(
            label: "apus_gateway_requests_total",
            dimensions: [
                ("route", entry?.label ?? "none"), ("service", entry?.route.service ?? "gateway"),
                ("status", String(status)), ("method", method.label),
            ], factory: core.factory)
        requests[key] = counter
        return counter
    }
}
