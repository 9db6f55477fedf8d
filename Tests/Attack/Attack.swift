import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import ApusResilience
import ArgumentParser
import Foundation

/// Attacks a cluster of real processes, and judges what it answered.
@main
struct Attack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Attacks a control plane of real processes in network namespaces, and checks every answer.",
        discussion: """
            Starts the members with etcd's flags, each in a network and on a disk of its own; clients write and read a few keys at \
            all of them, watchers follow and leases are held, while members are killed, paused, cut off and replaced, their \
            disks fill and their clocks jump. Then everything is healed, and the history judged: strict serializability, no \
            acknowledged write lost, none applied twice, each watcher saw every change once and in order, no lease ended \
            early or never, and all members have the same. Needs root.
            """)

    @Option(help: "The program under attack, with its arguments: 'path/to/apus server', or 'etcd'.")
    var program: String

    @Option(help: "How long.")
    var seconds = 60

    @Option(help: "What the faults and the clients' choices are drawn from.")
    var seed: UInt64 = 1

    @Option(help: "Members: 3 or 5.")
    var members = 3

    @Option(help: "Clients.")
    var clients = 8

    @Option(help: "Milliseconds between two operations of a client.")
    var pause = 10

    @Option(help: "Only these faults, separated by commas: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).")
    var faults = Fault.allCases.map(\.rawValue).joined(separator: ",")

    @Option(help: "Where the members' logs and the history of a failure are left.")
    var folder = "/tmp/apus-attack"

    func run() async throws {
        guard ProcessInfo.processInfo.environment["APUS_ATTACK_INSIDE"] != nil else { return try enter() }
        var chosen = try faults.split(separator: ",").map { name in
            guard let fault = Fault(rawValue: String(name)) else {
                throw ValidationError("There is no fault '\(name)'.")
            }
            return fault
        }
        let work = URL(filePath: folder)
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        let cluster = try Cluster(
            size: members, program: program.split(separator: " ").map(String.init), work: work)
        defer { cluster.stop() }
        try await cluster.waitUntilHealthy(within: .seconds(60))
        if chosen.contains(.clock), try !cluster.canMoveClocks() {
            print("no clock is moved: the program does not ask libc for the time of day")
            chosen.removeAll { $0 == .clock }
        }
        let holders = LeaseHolders(endpoints: cluster.endpoints, seed: seed)
        let workload = Workload(endpoints: cluster.endpoints, seed: seed, pause: .milliseconds(pause))
        let (attacker, log) = try await attack(cluster, workload, holders, chosen)
        let begun = ContinuousClock.now
        let complaints =
            HistoryChecker.check(operations: workload.history, log: log, watched: workload.seen)
            + LeaseTerm.check(holders.history)
        report(workload, holders, attacker, log, complaints)
        print("judged in \(ContinuousClock.now - begun)")
        guard complaints.isEmpty else { throw ExitCode.failure }
    }

    /// Starts this program again, in namespaces of its own: nothing that it makes outlives it. Foundation wants the loopback.
    private func enter() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            [
                "APUS_ATTACK_INSIDE=1", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
                "--mount-proc", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\"", own,
            ] + CommandLine.arguments.dropFirst()
        try process.run()
        process.waitUntilExit()
        throw ExitCode(process.terminationStatus)
    }

    private func attack(
        _ cluster: Cluster, _ workload: Workload, _ holders: LeaseHolders, _ chosen: [Fault]
    ) async throws -> (Attacker, [Change]) {
        let begun = ContinuousClock.now
        var attacker = Attacker(cluster, faults: chosen, seed: seed) { text in
            print("\(begun.duration(to: .now).formatted(.units(allowed: [.seconds], width: .narrow))) \(text)")
            // Also into a file: an hour is long.
            fflush(nil)
        }
        // Known when the clients have ended: what watchers must see.
        let last = Locked<Int64?>(nil)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 1...clients { group.addTask { await workload.runClient(client) } }
            for holder in 1...members { group.addTask { await holders.run(holder) } }
            for watcher in 1...members {
                group.addTask { await workload.runWatcher(watcher, start: 2) { last.withLock { $0 } } }
            }
            do {
                try await attacker.run(until: begun + .seconds(seconds))
                try await cluster.waitUntilHealthy(within: .seconds(90))
                workload.finish()
                holders.finish()
                for _ in 1...clients + members { try await group.next() }
                let log = try await finalLog(cluster)
                last.withLock { $0 = log.last?.revision ?? 1 }
                try await TimeSource.continuous.sleep(for: .milliseconds(10))
                try await group.waitForAll()
                return (attacker, log)
            } catch {
                workload.finish()
                holders.finish()
                group.cancelAll()
                throw error
            }
        }
    }

    /// All changes, as each member tells them, which must be the same.
    private func finalLog(_ cluster: Cluster) async throws -> [Change] {
        let revision = try await cluster.endpoints[0].range(Workload.prefix, serializable: false).header.revision
        var logs: [[Change]] = []
        var hashes: Set<UInt32> = []
        for endpoint in cluster.endpoints {
            // Makes sure that the member has come so far.
            _ = try await endpoint.range(Workload.prefix, serializable: false)
            logs.append(try await self.log(of: endpoint, upTo: revision))
            hashes.insert(try await endpoint.hash(at: revision).hash)
        }
        guard hashes.count == 1, logs.allSatisfy({ $0 == logs[0] }) else {
            throw Shell.Failure(
                description:
                    "members differ: \(logs.map(\.count)) changes, \(hashes.count) hashes at revision \(revision)")
        }
        return logs[0]
    }

    /// A watch of everything tells it; the history of an hour takes several.
    private func log(of endpoint: Endpoint, upTo revision: Int64) async throws -> [Change] {
        var log: [Change] = []
        var known: Int64 = 1
        while known < revision {
            let before = known
            do {
                try await endpoint.watch(.all, from: known + 1) { response in
                    let changes = response.events.map(Change.init).filter { $0.revision <= revision }
                    log += changes.filter { $0.key.hasPrefix(Workload.prefix) }
                    known = response.events.last?.kv.modRevision ?? known
                    return known < revision
                }
            } catch  where known > before {
                continue
            }
        }
        return log
    }

    private func report(
        _ workload: Workload, _ holders: LeaseHolders, _ attacker: Attacker, _ log: [Change], _ complaints: [String]
    ) {
        let counts = workload.counts
        let leases = holders.history
        let done = attacker.done.sorted { $0.key.rawValue < $1.key.rawValue }
        print(
            """
            seed \(seed), \(seconds) s, \(members) members: \(counts.answered) operations answered, \(counts.unknown) without \
            an answer, \(log.count) changes, \(workload.seen.map(\.changes.count).reduce(0, +)) events watched, \
            \(leases.count) leases with \(leases.map(\.keepAlives).reduce(0, +)) keep-alives
            faults: \(done.map { "\($0.value) × \($0.key.rawValue)" }.joined(separator: ", "))
            """)
        if complaints.isEmpty {
            print(
                "strictly serializable, nothing lost, nothing twice, every watcher saw everything once and in order, "
                    + "no lease ended early")
        } else {
            print("BROKEN:\n" + complaints.joined(separator: "\n"))
        }
    }
}
