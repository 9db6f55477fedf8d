import ApusCoordination
import ApusKV
import ApusPrimitives
import Logging
import TestSupport
import Testing

/// Random faults from a seed, then peace: everything must come to agree with what is wanted.
@Suite struct ConvergenceTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func `registries, directories and centers converge after any faults`(_ seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let time = ManualTime()
        let store = FaultyStore(EmbeddedStore(time: time.source))
        let registries = (0..<3).map { _ in ServiceRegistry(store: store, time: time.source, logger: .quiet) }
        let directories = (0..<2).map { _ in ServiceDirectory(store: store, time: time.source, logger: .quiet) }
        let center = ConfigCenter(
            store: store, namespace: "test", defaults: ["number": 0], time: time.source, logger: .quiet)
        var wanted: [Int: Set<ServiceInstance>] = [:]

        try await withThrowingTaskGroup { group in
            group.addTask {
                // Whatever store is behind the faults expires its leases.
                while true {
                    let real = store.real
                    try await withThrowingTaskGroup { inner in
                        inner.addTask { try await real.run() }
                        try await eventually(within: .seconds(3_600)) { store.real !== real }
                        inner.cancelAll()
                    }
                }
            }
            for registry in registries { group.addTask { try await registry.run() } }
            for directory in directories { group.addTask { try await directory.run() } }
            group.addTask { try await center.run() }

            for step in 0..<60 {
                let index = Int.random(in: 0..<registries.count, using: &random)
                // Identifiers are of one registry each: who owns a shared one is a matter of order.
                let instance = ServiceInstance(
                    service: "s\(Int.random(in: 0..<2, using: &random))",
                    id: "r\(index)-\(Int.random(in: 0..<3, using: &random))", host: "h", port: step + 1)
                switch Int.random(in: 0..<12, using: &random) {
                case 0...2:
                    wanted[index] = wanted[index, default: []].filter { $0.key != instance.key }.union([instance])
                    try await registries[index].register(instance)
                case 3:
                    wanted[index] = wanted[index, default: []].filter { $0.key != instance.key }
                    try await registries[index].deregister(instance)
                case 4: store.setAway(true)
                case 5: store.setAway(false)
                case 6: store.breakWatches()
                case 7:
                    if let lease = store.real.snapshot.leases.randomElement(using: &random) {
                        try? await store.real.revokeLease(lease.id)
                    }
                case 8: try? await store.real.compact(at: store.real.revision)
                case 9: store.setLosesAnswers(Bool.random(using: &random))
                case 10:
                    if Int.random(in: 0..<3, using: &random) == 0 {
                        store.replace(with: EmbeddedStore(time: time.source))
                    }
                default: _ = try? await center.set("number", to: .int(step))
                }
                time.advance(by: .milliseconds(Int.random(in: 0..<3_000, using: &random)))
                for _ in 0..<Int.random(in: 0..<20, using: &random) { await Task.yield() }
            }

            store.setAway(false)
            store.setLosesAnswers(false)
            let all = wanted.values.flatMap { $0 }
            let expected = Dictionary(grouping: all, by: \.service).mapValues { $0.sorted { $0.id < $1.id } }
            let final = try await final(center, time)
            try await eventually {
                time.advance(by: .milliseconds(500))
                return directories.allSatisfy { directory in
                    directory.services == expected.keys.sorted()
                        && expected.allSatisfy { directory.instances(of: $0.key) == $0.value }
                } && center.value(for: "number") == final && center.freshness == .live
            }
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
        #expect(store.real.watcherCount == 0)
    }

    private func final(_ center: ConfigCenter, _ time: ManualTime) async throws -> SettingValue {
        try await center.set("number", to: 4_711)
        return .int(4_711)
    }
}
