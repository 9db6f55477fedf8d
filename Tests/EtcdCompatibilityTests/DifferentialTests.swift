import ApusEtcdAPI
import ApusGRPC
import Foundation
import TestSupport
import Testing

/// The same random requests to etcd 3.5.1 and to `apus server`, one by one: every field of every answer, every status and
/// its text, and every event of every watch must be the same.
@Suite struct DifferentialTests {
    /// How many steps each seed makes; eight seeds ask over 20,000 requests.
    static let steps = 2600
    static let seeds: [UInt64] =
        ProcessInfo.processInfo.environment["APUS_SEED"].flatMap { UInt64($0) }.map { [$0] } ?? Array(1...8)

    static let parts: Set<TraceGenerator.Part> =
        ProcessInfo.processInfo.environment["APUS_PARTS"].map { text in
            Set(text.split(separator: ",").compactMap { TraceGenerator.Part(rawValue: String($0)) })
        } ?? Set(TraceGenerator.Part.allCases)

    /// Odd seeds are about keys, leases, locks and watches; even ones about users too.
    @Test(.timeLimit(.minutes(10)), arguments: seeds)
    func `etcd and ours answer the same`(seed: UInt64) async throws {
        let etcd = try await EtcdServer(.etcd(), flags: Contender.flags)
        let ours = try await Contender.server()
        try await GRPCClient.with("127.0.0.1:\(etcd.members[0].clientPort)") { etcdClient in
            try await GRPCClient.with("127.0.0.1:\(ours.members[0].clientPort)") { client in
                try await Self.run(seed, etcdClient, client)
            }
        }
    }

    private static func run(_ seed: UInt64, _ etcd: GRPCClient, _ ours: GRPCClient) async throws {
        let parts = seed.isMultiple(of: 2) ? Self.parts : Self.parts.subtracting([.users])
        var generator = TraceGenerator(seed: seed, parts: parts)
        var runner = try await TraceRunner(seed: seed, etcd: etcd, ours: ours, watches: parts.contains(.watches))
        let start = ContinuousClock.now
        do {
            if parts.contains(.users) { for step in TraceGenerator.prologue { try await runner.run(step) } }
            for _ in 0..<steps { try await runner.run(generator.next(runner.view)) }
            try await runner.run(.settle)
        } catch {
            await runner.close()
            throw error
        }
        await runner.close()
        let outcomes = runner.outcomes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("seed \(seed): \(runner.operations) operations in \(ContinuousClock.now - start)")
        if ProcessInfo.processInfo.environment["APUS_SEED"] != nil { print(outcomes.joined(separator: "\n")) }
    }
}
