import ApusCoordination
import ApusHosting
import ApusObservability
import ApusPrimitives
import ApusRPC
import Hummingbird
import Logging
import ServiceLifecycle
import TestSupport
import Testing

/// A running `ServiceHost` on a free port, the store it registers in, and a directory that watches that store.
struct HostBench: Sendable {
    let host: ServiceHost
    let store: EmbeddedStore
    let directory: ServiceDirectory
    let port: Int
    let log: LogBook
    let hasEnded: Locked<Bool>
    private let group: ServiceGroup

    /// Starts the host, runs `body`, and cancels whatever still runs.
    ///
    /// - Parameters:
    ///   - front: what the host gets for a store, made of the real one.
    ///   - changing: settings other than the defaults.
    static func run(
        _ name: String = "demo", id: String? = "demo-1",
        front: (EmbeddedStore) -> any CoordinationStore = { $0 },
        health: HealthRegistry = HealthRegistry(), metadata: [String: String] = [:], services: [any Service] = [],
        changing: (inout HostSettings) -> Void = { _ in },
        routes: (Router<ServiceContext>) -> Void = { _ in },
        _ body: (HostBench) async throws -> Void
    ) async throws {
        var settings = HostSettings()
        settings.deregistrationDelay = .zero
        changing(&settings)
        let log = LogBook()
        let store = EmbeddedStore()
        let directory = ServiceDirectory(store: store, logger: .silent)
        let host = ServiceHost(
            name, id: id, store: front(store), settings: settings,
            metrics: PrometheusRegistry(includesProcess: false), health: health, metadata: metadata,
            logger: log.logger, services: services, routes: routes)
        let group = ServiceGroup(configuration: .init(services: [host], logger: .silent))
        let hasEnded = Locked(false)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await store.run() }
            tasks.addTask { try await directory.run() }
            tasks.addTask {
                defer { hasEnded.withLock { $0 = true } }
                try await group.run()
            }
            let outcome: Result<Void, any Error>
            do {
                try await host.waitUntilReady()
                let bench = HostBench(
                    host: host, store: store, directory: directory, port: try await host.boundAddress.port, log: log,
                    hasEnded: hasEnded, group: group)
                outcome = .success(try await body(bench))
            } catch {
                outcome = .failure(error)
            }
            tasks.cancelAll()
            while let result = await tasks.nextResult() { _ = result }
            try outcome.get()
        }
    }

    /// What SIGTERM does.
    func stop() async {
        await group.triggerGracefulShutdown()
    }

    func waitUntilEnded() async throws {
        try await eventually { hasEnded.withLock { $0 } }
    }

    func connect(reads: Bool = true) async throws -> RawConnection {
        try await RawConnection.connect(port: port, reads: reads)
    }

    /// One request on a connection of its own.
    func ask(_ text: String) async throws -> RawResponse {
        try await RawConnection.exchange(text, port: port)
    }

    func get(_ path: String, headers: String = "") async throws -> RawResponse {
        try await ask(Self.text("GET", path, headers: headers))
    }

    func post(_ path: String, _ body: String, type: String? = "application/json") async throws -> RawResponse {
        let type = type.map { "Content-Type: \($0)\r\n" } ?? ""
        return try await ask(
            Self.text("POST", path, headers: "\(type)Content-Length: \(body.utf8.count)\r\n") + body)
    }

    static func text(_ method: String, _ path: String, headers: String = "") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: demo\r\n\(headers)\r\n"
    }
}

/// Collects log lines as the JSON that an operator would see.
struct LogBook: Sendable {
    private let text = Locked<[String]>([])

    var lines: [String] { text.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { label in
            JSONLogHandler(label: label, service: "test", level: .debug) { line in
                text.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
        }
    }
}

extension Logger {
    static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
}

/// Holds handlers until a test lets them go on, or until they are cancelled.
final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
        var cancelled = 0
    }

    private let state = Locked(State())

    /// How many have come to `wait`.
    var arrived: Int { state.withLock { $0.arrived } }
    /// How many did not wait to the end.
    var cancelled: Int { state.withLock { $0.cancelled } }

    func open() { state.withLock { $0.isOpen = true } }

    func wait() async throws {
        state.withLock { $0.arrived += 1 }
        do {
            try await eventually(within: .seconds(60)) { self.state.withLock { $0.isOpen } }
        } catch {
            state.withLock { $0.cancelled += 1 }
            throw error
        }
    }
}

extension RawResponse {
    /// The problem of an error answer, checked against RFC 9457 as far as every error of a host keeps it.
    func problem(
        _ status: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Problem {
        #expect(self.status == status, "\(bodyText)", sourceLocation: sourceLocation)
        #expect(header("content-type") == "application/problem+json", sourceLocation: sourceLocation)
        let problem = try JSONCoding.decode(Problem.self, from: body)
        #expect(problem.status == status, sourceLocation: sourceLocation)
        #expect(!problem.title.isEmpty, sourceLocation: sourceLocation)
        #expect(problem.instance?.hasPrefix("urn:trace:") == true, sourceLocation: sourceLocation)
        return problem
    }
}
