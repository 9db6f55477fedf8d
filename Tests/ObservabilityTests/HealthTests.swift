import ApusObservability
import ApusPrimitives
import TestSupport
import Testing

@Suite struct HealthTests {
    @Test func withoutChecksAServiceIsWell() async {
        let health = HealthRegistry()
        #expect(await health.report(.liveness).isUp)
        #expect(await health.report(.readiness).json == #"{"status":"up","checks":[]}"#)
    }

    @Test func oneCheckDownMakesItDown() async {
        let health = HealthRegistry()
        health.register("b") { .up }
        health.register("a") { .down("the disk is \"full\"") }
        health.register("alive", kind: .liveness) { .up }
        let report = await health.report(.readiness)
        #expect(report.httpStatus == 503)
        #expect(
            report.json
                == #"{"status":"down","checks":[{"name":"a","status":"down","detail":"the disk is \"full\""},"#
                + #"{"name":"b","status":"up"}]}"#)
        #expect(await health.report(.liveness).httpStatus == 200)
        health.unregister("a")
        #expect(await health.report(.readiness).isUp)
    }

    @Test func drainingIsNotReadyButAlive() async {
        let health = HealthRegistry()
        health.register("store") { .up }
        health.beginDraining()
        #expect(await !health.report(.readiness).isUp)
        #expect(await health.report(.liveness).isUp)
    }

    /// The check ignores cancellation, as a blocked system call does.
    @Test func aCheckThatHangsIsDownAndIsNotStartedAgain() async throws {
        let time = ManualTime()
        let health = HealthRegistry(timeout: .seconds(2), time: time.source)
        let runs = Locked(0)
        let blocked = Locked<CheckedContinuation<Void, Never>?>(nil)
        health.register("store") {
            let isFirst = runs.withLock { runs in
                runs += 1
                return runs == 1
            }
            guard isFirst else { return .up }
            await withCheckedContinuation { continuation in blocked.withLock { $0 = continuation } }
            return .up
        }
        async let first = health.report(.readiness)
        try await time.waitForSleepers()
        try await eventually { blocked.withLock { $0 != nil } }
        time.advance(by: .seconds(2))
        #expect(await first.entries.map(\.status) == [.down("no answer within 2.0 seconds")])

        let second = await health.report(.readiness)
        #expect(second.entries.map(\.status) == [.down("an earlier run has still not returned")])
        #expect(runs.withLock { $0 } == 1)

        blocked.withLock { $0 }?.resume()
        try await eventually { await health.report(.readiness).isUp }
        #expect(runs.withLock { $0 } == 2)
    }
}
