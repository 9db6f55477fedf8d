import ApusCoordination
import ApusPrimitives
import CoordinationConformance
import TestSupport
import Testing

@Suite struct EmbeddedConformanceTests {
    @Test(arguments: CoordinationConformance.checks)
    func memory(_ check: CoordinationConformance.Check) async throws {
        let time = ManualTime()
        try await run(check, on: EmbeddedStore(time: time.source), time)
    }

    @Test(arguments: CoordinationConformance.checks)
    func durable(_ check: CoordinationConformance.Check) async throws {
        let folder = try TemporaryDirectory()
        let time = ManualTime()
        var limits = EmbeddedStoreLimits()
        // Snapshots happen all the time.
        limits.snapshotAfterLogBytes = 2_000
        let store = try EmbeddedStore(directory: folder.path, limits: limits, time: time.source, logger: .quiet)
        try await run(check, on: store, time)
    }

    private func run(_ check: CoordinationConformance.Check, on store: EmbeddedStore, _ time: ManualTime) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            let subject = CoordinationConformance.Subject(store: store, prefix: "conformance/") { duration in
                try await time.waitForSleepers()
                time.advance(by: duration)
            }
            try await check.body(subject)
            group.cancelAll()
        }
        #expect(store.watcherCount == 0)
        await store.close()
    }
}
