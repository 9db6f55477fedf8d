public import ApusCoordination
public import ApusObservability
import ApusPrimitives
public import ApusResilience
public import Hummingbird
public import Logging
public import ServiceLifecycle

/// A service, made by one call: HTTP routes, and around them everything that a service in a distributed system needs.
///
/// Settings, JSON logs with trace ids, metrics, health, a registration kept alive, deadlines, bounds on everything that
/// comes in, one error format, and a stop that deregisters and drains first. docs/hosting.md has a sample.
///
/// `run` serves until graceful shutdown. Cancelling it is like the death of the process: connections are cut, and the
/// registration ends with its lease.
public struct ServiceHost: Service {
    /// The name under which others find it.
    public let name: String
    /// Names this copy among those of the service.
    public let id: String
    public let settings: HostSettings
    /// What `/livez` and `/readyz` ask; add checks of your own.
    public let health: HealthRegistry
    /// Lets requests in: rate limit, load shedding and bulkhead, as `HostSettings.admission` says at first; `update`
    /// changes them while the host runs. Health and metrics pass it by.
    public let policy: ResiliencePolicy

    let store: any CoordinationStore
    let ownStore: EmbeddedStore?
    let router: RouterResponder<ServiceContext>
    let table: RouteTable
    let metrics: MetricsSource
    let givenLogger: Logger?
    let metadata: [String: String]
    let connections = OpenConnections()
    let address = Signal<ServiceAddress>()
    let registered = Signal<Void>()
    let recorder = AdmissionRecorder()
    var services: [any Service] = []

    /// - Parameters:
    ///   - id: keep it the same over restarts, and a restart takes the place of its predecessor in the registry at once;
    ///     nil for a new one.
    ///   - store: where to register. It is the caller's to run. Nil for a store of its own, in memory, which the host runs.
    ///   - settings: by default what the environment says (`APUS_PORT` and so on).
    ///   - metrics: what `/metrics` shows; nil for the process's own registry.
    ///   - metadata: written into the registration.
    ///   - services: what belongs to this service and runs as long as it does: coordinators, sweepers. They start before
    ///     the first request and stop after the last.
    ///   - routes: adds the routes. `/livez`, `/readyz` and `/metrics` are there already.
    public init(
        _ name: String, id: String? = nil, store: (any CoordinationStore)? = nil,
        settings: HostSettings = .environment, metrics: PrometheusRegistry? = nil,
        health: HealthRegistry = HealthRegistry(), metadata: [String: String] = [:], logger: Logger? = nil,
        services: [any Service] = [], routes: (Router<ServiceContext>) throws -> Void
    ) rethrows {
        self.name = name
        self.id = id ?? "\(name)-\(ULID.fresh())"
        let settings = settings.withinBounds
        self.settings = settings
        self.health = health
        policy = ResiliencePolicy("\(name) host", settings.admission, onEvent: recorder.record)
        self.metadata = metadata
        self.services = services
        self.metrics = MetricsSource(given: metrics)
        givenLogger = logger
        ownStore = store == nil ? EmbeddedStore() : nil
        self.store = store ?? ownStore!
        let router = Router(context: ServiceContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware())
        Self.addStandardRoutes(to: router, health: health, metrics: self.metrics)
        try routes(router)
        self.router = router.buildResponder()
        table = RouteTable(router.routes)
    }

    /// Adds services that run as long as this one.
    public mutating func add(_ services: any Service...) {
        self.services += services
    }

    /// Where it listens, as soon as it does.
    ///
    /// - Throws: what `run` threw when it could not, or `CancellationError`.
    public var boundAddress: ServiceAddress {
        get async throws { try await address.value }
    }

    /// Returns when it listens and has registered itself.
    ///
    /// - Throws: what `run` threw when it could not, or `CancellationError`.
    public func waitUntilReady() async throws {
        _ = try await address.value
        try await registered.value
    }
}

/// Which registry a host counts in, decided when it runs: the process's own may be set up after the host was made.
struct MetricsSource: Sendable {
    let given: PrometheusRegistry?
    private let fallback = PrometheusRegistry()

    init(given: PrometheusRegistry?) {
        self.given = given
    }

    var registry: PrometheusRegistry { given ?? ApusObservability.current ?? fallback }
}

/// Where a service can be reached.
public struct ServiceAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// `http://127.0.0.1:8080`
    public var url: String { "http://\(description)" }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
