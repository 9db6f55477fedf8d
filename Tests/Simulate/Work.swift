import ApusPrimitives
import Foundation
import RaftSimulation

/// Hands out seeds in order to whoever has nothing to do, and adds up what came of them.
final class Work: Sendable {
    struct Total {
        var seeds = 0
        var statistics = Statistics()
        /// The same in whatever order the seeds end.
        var fingerprint: UInt64 = 0
        /// Of those that broke a promise, the one with the smallest seed.
        var failed: SimulationResult?
        var seconds = 0.0
    }

    private struct State {
        var next: UInt64
        var left: UInt64
        var total = Total()
    }

    private let state: Locked<State>
    private let start = ContinuousClock.now
    private let seconds: Double
    private let keepsGoing: Bool

    init(from first: UInt64, count: UInt64, minutes: Double, keepsGoing: Bool) {
        state = Locked(State(next: first, left: count))
        seconds = minutes * 60
        self.keepsGoing = keepsGoing
    }

    /// Nil when there is nothing more to do.
    func next() -> UInt64? {
        guard elapsed < seconds else { return nil }
        return state.withLock { state in
            guard state.left > 0, keepsGoing || state.total.failed == nil else { return nil }
            state.left -= 1
            defer { state.next += 1 }
            return state.next
        }
    }

    func done(_ result: SimulationResult) {
        state.withLock { state in
            state.total.seeds += 1
            state.total.statistics += result.statistics
            state.total.fingerprint ^= result.fingerprint
            if keepsGoing, let broken = result.broken { print("seed \(result.seed) BROKEN \(broken)") }
            if result.broken != nil, result.seed < state.total.failed?.seed ?? .max { state.total.failed = result }
        }
    }

    var total: Total {
        var total = state.withLock(\.total)
        total.seconds = elapsed
        return total
    }

    private var elapsed: Double {
        let passed = (ContinuousClock.now - start).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }
}

extension Work.Total {
    var summary: String {
        let time = String(format: "%.1f s, %.1f ms a seed", seconds, 1_000 * seconds / Double(max(1, seeds)))
        let events = statistics.events / max(1, seeds)
        let minutes = statistics.virtualTime / 60_000_000
        return """
            \(seeds) seeds in \(time); \(events) events a seed, \(minutes) minutes of virtual time
            \(statistics.elections) elections, \(statistics.committed) entries committed, \(statistics.crashes) crashes, \
            \(statistics.memberChanges) changes of members, \(statistics.transfers) transfers
            \(statistics.snapshotsTaken) snapshots taken, \(statistics.snapshotsReceived) received, \
            \(statistics.messages) messages
            \(statistics.operations) operations of clients (\(statistics.quorumReads) reads by quorum, \
            \(statistics.leaseReads) by lease), \(statistics.unknownHistories) histories too hard to judge
            """
    }
}
