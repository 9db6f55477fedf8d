import ApusChannels
import ApusEtcd
import ApusGRPC
import ArgumentParser
import Foundation

/// `apus bench`: how fast a control plane is, ours or etcd.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure a control plane: `apus server`, or etcd.",
        discussion: """
            Each client asks again as soon as it is answered:

              put     writes a random key
              range   reads a random key, or --limit of them, as all members agree on; srange as the asked one has it
              txn     writes a key if it is there
              watch   one client writes a key that --watchers watch; the time is from the put to each event
              lease   keeps a lease of its own alive

            Clients share --conns connections. It prints requests a second, and how long they took in the middle and for \
            the slowest of a hundred.
            """)

    enum Operation: String, ExpressibleByArgument, CaseIterable {
        case put, range, srange, txn, watch, lease
    }

    @Argument(help: "put, range, srange, txn, watch or lease.") var operation: Operation
    @Option(help: "How many ask at the same time.") var clients = 64
    @Option(help: "Connections; 0 for one each, at most 16.") var conns = 0
    @Option(name: [.long, .customShort("d")], help: "How long each run takes.") var duration = "8s"
    @Option(help: "Before each run, and not counted.") var warm = "1s"
    @Option(help: "How often; the median is printed at the end.") var runs = 3
    @Option(help: "Bytes of a value.") var valueSize = 256
    @Option(help: "How many keys there are, of 16 bytes each.") var keys = 10_000
    @Option(help: "Keys that a range reads; 0 for one.") var limit = 0
    @Option(help: "Watchers of the one key.") var watchers = 100
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        guard clients > 0, conns >= 0, runs > 0, valueSize >= 8, limit >= 0, keys > limit, watchers > 0 else {
            throw ValidationError("a size or a number is out of range: values have at least 8 bytes")
        }
    }

    func run() async throws {
        do {
            try await measure()
        } catch let failure as CtlFailure {
            complain("Error: \(failure.message)")
            throw ExitCode(failure.status)
        } catch let error as GRPCError {
            complain("Error: \(error.explained)")
            throw ExitCode.failure
        }
    }

    private func measure() async throws {
        guard let duration = GoDuration.parse(duration), let warm = GoDuration.parse(warm), duration > .zero else {
            throw CtlFailure.arguments("a duration is written 8s or 500ms")
        }
        var settings = try global.settings()
        settings.callTimeout = .seconds(10)
        settings.startsAnywhere = true
        let count = operation == .watch ? min(watchers, conns == 0 ? 16 : conns) : conns == 0 ? min(clients, 16) : conns
        let connections = try (0..<count).map { _ in
            try EtcdClient(global.endpointList, settings: settings, logger: .quiet)
        }
        let load = LoadRun(connections: connections, clients: clients, duration: duration)
        let warmUp = LoadRun(connections: connections, clients: clients, duration: warm)
        let workload = Workload(command: self, connections: connections)
        let request = try await workload.request()
        var reports: [LoadReport] = []
        for run in 1...runs {
            if operation == .watch {
                let watches = WatchLoad(value: workload.value, watchers: watchers, connections: connections)
                reports.append(try await watches.run(run, for: duration))
                show(reports[run - 1], "watchers=\(watchers) conns=\(count) run=\(run)")
            } else {
                _ = await warmUp.run(request)
                reports.append(await load.run(request))
                show(reports[run - 1], "clients=\(clients) conns=\(count) run=\(run)")
            }
        }
        let sorted = reports.sorted { $0.rate < $1.rate }
        show(sorted[sorted.count / 2], "median [\(Int(sorted[0].rate))..\(Int(sorted[sorted.count - 1].rate))]")
        for connection in connections { await connection.close() }
        if reports.contains(where: { $0.errorCount > 0 }) { throw ExitCode.failure }
    }

    private func show(_ report: LoadReport, _ what: String) {
        let (p50, p99) = (report.quantile(0.5), report.quantile(0.99))
        let numbers = String(
            format: "rate=%.0f/s p50=%.2fms p99=%.2fms max=%.1fms", report.rate, p50, p99, report.quantile(1))
        print("op=\(operation.rawValue) \(what) \(numbers) n=\(report.latencies.count) errs=\(report.errorCount)")
        if let error = report.firstError { complain("first error: \(error)") }
    }
}
