import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import NIOCore
import NIOPosix

/// Three nodes in one process, log and transport in memory; PROPOSERS tasks, each of which proposes a command of 16 + 256 bytes
/// at the leader and waits until it is applied there.
///
/// usage: raft-benchmark PROPOSERS SECONDS RUNS
@main
struct RaftBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap(Double.init)
        guard arguments.count == 3 else {
            print("usage: raft-benchmark PROPOSERS SECONDS RUNS")
            return
        }
        let (proposers, seconds, runs) = (Int(arguments[0]), arguments[1], Int(arguments[2]))
        let cluster = try BenchmarkCluster()
        let running = Task { try await cluster.run() }
        let leader = try await cluster.leader()
        var rates: [Double] = []
        for _ in 0..<runs {
            let start = ContinuousClock.now
            let end = start + .seconds(seconds)
            var latencies = try await withThrowingTaskGroup { group in
                for proposer in 0..<proposers {
                    group.addTask { try await propose(as: proposer, at: leader, until: end) }
                }
                var all: [Duration] = []
                for try await latencies in group { all += latencies }
                return all
            }
            let elapsed = start.duration(to: .now)
            latencies.sort()
            let rate = Double(latencies.count) / elapsed.seconds
            rates.append(rate)
            print(
                "apus conc=\(proposers) \(Int(rate)) applies/s p50=\(latencies[latencies.count / 2]) "
                    + "p99=\(latencies[latencies.count * 99 / 100]) n=\(latencies.count)")
        }
        rates.sort()
        print(
            "MEDIAN apus conc=\(proposers) \(Int(rates[rates.count / 2])) "
                + "[\(Int(rates[0]))..\(Int(rates[rates.count - 1]))]")
        running.cancel()
        _ = await running.result
    }

    static func propose(
        as proposer: Int, at leader: ReplicatedNode<Table>, until end: ContinuousClock.Instant
    ) async throws -> [Duration] {
        var latencies: [Duration] = []
        var count: UInt64 = 0
        while true {
            let start = ContinuousClock.now
            if start > end { return latencies }
            var command = [UInt8](repeating: 0, count: 272)
            command.withUnsafeMutableBytes { bytes in
                bytes.storeBytes(of: UInt64(proposer), toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: count % 1_000, toByteOffset: 8, as: UInt64.self)
            }
            count += 1
            _ = try await leader.propose(command)
            latencies.append(start.duration(to: .now))
        }
    }
}

/// What is replicated: a table of keys and values, as on the other side.
struct Table: StateMachine {
    struct Key: Hashable {
        let high: UInt64
        let low: UInt64
    }

    var rows: [Key: ArraySlice<UInt8>] = [:]
    var count = 0

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> Int {
        let key = command.withUnsafeBytes { bytes in
            Key(
                high: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        rows[key] = command.dropFirst(16)
        count += 1
        return count
    }

    func write(to snapshot: inout SnapshotOutput) throws {}

    mutating func restore(from snapshot: inout SnapshotInput) throws {}
}

final class BenchmarkCluster: Sendable {
    let nodes: [ReplicatedNode<Table>]

    init() throws {
        let network = InProcessNetwork()
        let members = (1...3).map { Member(NodeID($0), at: "n\($0)") }
        var settings = NodeSettings()
        settings.snapshotAfterBytes = .max
        settings.raft.maximumLogBytes = .max
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        nodes = members.map { member in
            ReplicatedNode(
                member.id, machine: Table(), beginning: .founding(members), storage: MemoryStorage(),
                transport: network.transport(), settings: settings, eventLoop: eventLoop,
                logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        }
    }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for node in nodes { group.addTask { try await node.run() } }
            try await group.waitForAll()
        }
    }

    func leader() async throws -> ReplicatedNode<Table> {
        while true {
            if let leader = nodes.first(where: { $0.standing.role == .leader }) { return leader }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
