import ApusPrimitives
import Testing

@testable import ApusChannels

@Suite("Executor roster", .timeLimit(.minutes(1)))
struct ExecutorRosterTests {
    @Test func whoeverRestsWhileOthersWorkKeepsWatch() {
        var roster = ExecutorRoster(threads: 3)
        let roles = (0..<3).map { roster.rest($0) }
        #expect(roles == [.watching, .sleeping, .sleeping])
        #expect(roster.resting == 3)
    }

    @Test func theWatcherSleepsWhenNobodyWorks() {
        var roster = ExecutorRoster(threads: 2)
        _ = roster.rest(0)
        let before = roster.keepWatch(0)
        _ = roster.rest(1)
        let after = roster.keepWatch(0)
        #expect((before, after) == (.watching, .sleeping))
        #expect(roster.roles == [.sleeping, .sleeping])
    }

    @Test func aSleeperIsWokenBeforeTheWatcherAndTheLastToSleepFirst() {
        var roster = ExecutorRoster(threads: 4)
        for thread in 0..<3 { _ = roster.rest(thread) }
        let woken = (0..<4).map { _ in roster.wake() }
        #expect(woken == [2, 1, 0, nil])
    }

    @Test func aWatcherIsMadeOnlyWhereThereIsNone() {
        var roster = ExecutorRoster(threads: 3)
        for thread in 0..<3 { _ = roster.rest(thread) }
        _ = roster.keepWatch(0)
        let woken = roster.wake()
        let watchers = [roster.needWatcher(), roster.needWatcher()]
        #expect(woken == 0)
        #expect(watchers == [2, nil])
    }

    @Test func aWatcherThatFindsWorkHandsItsWatchOn() {
        var roster = ExecutorRoster(threads: 3)
        _ = roster.rest(0)
        _ = roster.rest(1)
        let watchers = [roster.work(0), roster.work(0)]
        #expect(watchers == [1, nil])
        #expect(roster.roles == [.working, .watching, .working])
    }

    /// What holds after every input, in random order: at most one watches, whoever rests can be woken exactly once.
    @Test func randomInputsKeepTheRolesRight() {
        for seed in 0..<2_000 {
            var random = SeededRandom(seed: UInt64(seed))
            let count = Int.random(in: 1...5, using: &random)
            var roster = ExecutorRoster(threads: count)
            var resting: Set<Int> = []
            for _ in 0..<30 {
                let thread = Int.random(in: 0..<count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0 where !resting.contains(thread):
                    let role = roster.rest(thread)
                    resting.insert(thread)
                    if resting.count < count { #expect(roster.roles.contains(.watching), "seed \(seed)") }
                    #expect(role != .working)
                case 1 where resting.contains(thread):
                    let role = roster.keepWatch(thread)
                    if resting.count == count { #expect(role == .sleeping, "seed \(seed)") }
                case 2:
                    let woken = roster.wake()
                    #expect((woken == nil) == resting.isEmpty, "seed \(seed)")
                    if let woken {
                        let rested = resting.remove(woken) != nil
                        #expect(rested, "seed \(seed)")
                    }
                case 3:
                    let watcher = roster.work(thread)
                    resting.remove(thread)
                    if let watcher { #expect(roster.roles[watcher] == .watching, "seed \(seed)") }
                case 4 where resting.count < count:
                    _ = roster.needWatcher()
                    #expect(resting.isEmpty || roster.roles.contains(.watching), "seed \(seed)")
                default:
                    break
                }
                #expect(roster.roles.filter { $0 == .watching }.count <= 1, "seed \(seed)")
                #expect(roster.resting == resting.count, "seed \(seed)")
                for thread in 0..<count {
                    #expect((roster.roles[thread] != .working) == resting.contains(thread), "seed \(seed)")
                }
            }
        }
    }

    @Test func workThatWouldWaitTooLongIsTakenOver() {
        var pulse = ExecutorPulse()
        // 4 jobs wait, and 100 were done in 100 µs: the last waits for 4 µs. With 40 it waits for 40 µs.
        let talk = pulse.look(waiting: 4, jobsDone: 100, elapsed: .microseconds(100))
        let crowd = pulse.look(waiting: 40, jobsDone: 200, elapsed: .microseconds(100))
        // The thread is blocked, or computes.
        let stuck = pulse.look(waiting: 1, jobsDone: 200, elapsed: .microseconds(50))
        let alone = pulse.look(waiting: 0, jobsDone: 200, elapsed: .seconds(1))
        #expect((talk, crowd) == (false, true))
        #expect((stuck, alone) == (true, false))
    }
}
