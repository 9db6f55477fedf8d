import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct AlarmsTests {
    private let time = ManualTime()
    private var start: MonotonicTime { time.now }

    private func makeAlarms() -> Alarms {
        let source = time.source
        return Alarms(now: { source.now() }, sleepUntil: { try await source.sleep(until: $0) })
    }

    /// Lets the time pass until `moment`, in steps that the sleeper can follow.
    private func pass(until moment: MonotonicTime, _ alarms: Alarms) async throws {
        while time.now < moment {
            try await eventually { time.sleeperCount > 0 || alarms.counts.ticks == 0 }
            time.advance(by: min(.milliseconds(100), moment - time.now))
        }
    }

    @Test func itGoesOffAtItsMomentAndNotBefore() async throws {
        let alarms = makeAlarms()
        let moment = start + .milliseconds(250) + .nanoseconds(1)
        let went = Locked<MonotonicTime?>(nil)
        let time = time
        _ = alarms.set(moment) { went.withLock { $0 = time.now } }
        try await pass(until: moment - .nanoseconds(1), alarms)
        #expect(went.withLock { $0 } == nil)
        try await eventually { time.sleeperCount > 0 }
        time.advance(by: .milliseconds(1))
        try await eventually { went.withLock { $0 } != nil }
        #expect(try #require(went.withLock { $0 }) >= moment)
        #expect(alarms.counts == (0, 0))
    }

    @Test func anEarlierOneDoesNotWaitForALaterOne() async throws {
        let alarms = makeAlarms()
        let order = Locked<[Int]>([])
        _ = alarms.set(start + .seconds(600)) { order.withLock { $0.append(600) } }
        _ = alarms.set(start + .milliseconds(5)) { order.withLock { $0.append(5) } }
        try await eventually { time.sleeperCount == 1 }
        time.advance(by: .milliseconds(5))
        try await eventually { order.withLock { $0 } == [5] }
        #expect(alarms.counts.alarms == 1)
    }

    @Test func oneThatWasCancelledNeverGoesOffAndLeavesNothing() async throws {
        let alarms = makeAlarms()
        let count = 100_000
        for index in 0..<count {
            let alarm = alarms.set(start + .seconds(10) + .milliseconds(index)) { Issue.record("it went off") }
            alarms.cancel(alarm)
            alarms.cancel(alarm)
        }
        #expect(alarms.counts.alarms == 0)
        #expect(alarms.counts.ticks <= 1025)
        try await pass(until: start + .seconds(130), alarms)
        try await eventually { alarms.counts.ticks == 0 }
    }

    @Test(arguments: 0..<10) func anyOrderOfSettingCancellingAndTime(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let alarms = makeAlarms()
        let went = Locked<Set<Int>>([])
        var set: [Int: (alarm: Alarms.Alarm, moment: MonotonicTime)] = [:]
        for id in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let moment = time.now + .microseconds(Int.random(in: 0..<3_000_000, using: &random))
                set[id] = (alarms.set(moment) { _ = went.withLock { $0.insert(id) } }, moment)
            case 6..<8:
                // One that is due may be on its way.
                let waiting = set.filter { $0.value.moment > time.now + .milliseconds(1) }.keys.sorted()
                guard let id = waiting.randomElement(using: &random), let entry = set.removeValue(forKey: id) else {
                    break
                }
                alarms.cancel(entry.alarm)
            default:
                try await pass(until: time.now + .milliseconds(Int.random(in: 0..<300, using: &random)), alarms)
            }
            let now = time.now
            #expect(went.withLock { $0 }.allSatisfy { id in set[id].map { $0.moment <= now } ?? false })
        }
        try await pass(until: time.now + .seconds(4), alarms)
        try await eventually { alarms.counts == (0, 0) && went.withLock { $0 } == Set(set.keys) }
    }
}
