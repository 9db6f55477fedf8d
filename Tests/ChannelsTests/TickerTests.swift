import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct TickerTests {
    private let time = ManualTime()

    private func moment(_ seconds: Int64) -> MonotonicTime {
        .zero + .seconds(seconds)
    }

    @Test func ticksAtEqualDistances() async throws {
        let ticker = Ticker(every: .seconds(2), time: time.source)
        for tick in 1...3 {
            try await time.waitForSleepers()
            time.advance(by: .seconds(2))
            #expect(try await ticker.ticks.receive() == moment(Int64(2 * tick)))
        }
        #expect(ticker.missed == 0)
    }

    @Test func aSlowReaderMissesTicksAndNothingPilesUp() async throws {
        let ticker = Ticker(every: .seconds(1), time: time.source)
        for tick in 1...5 {
            try await time.waitForSleepers()
            time.advance(by: .seconds(1))
            try await eventually { ticker.missed == max(0, tick - 1) && ticker.ticks.count == 1 }
        }
        #expect(try await ticker.ticks.receive() == moment(1))
        #expect(ticker.ticks.tryReceive().isEmpty)
    }

    @Test func aTickerThatWakesLateKeepsItsRhythm() async throws {
        let ticker = Ticker(every: .seconds(2), time: time.source)
        try await time.waitForSleepers()
        time.advance(by: .seconds(7))
        #expect(try await ticker.ticks.receive() == moment(7))
        #expect(ticker.missed == 2)
        try await time.waitForSleepers()
        time.advance(by: .seconds(1))
        #expect(try await ticker.ticks.receive() == moment(8))
    }

    @Test func stopEndsIt() async throws {
        let ticker = Ticker(every: .seconds(1), time: time.source)
        try await time.waitForSleepers()
        let reader = Task {
            var ticks = 0
            for try await _ in ticker { ticks += 1 }
            return ticks
        }
        time.advance(by: .seconds(1))
        try await time.waitForSleepers()
        ticker.stop()
        #expect(try await reader.value <= 1)
        try await eventually { time.sleeperCount == 0 }
        ticker.stop()
    }

    @Test func aTickerThatNobodyHasEnds() async throws {
        var ticks: Channel<MonotonicTime>.Receiver? = Ticker(every: .seconds(1), time: time.source).ticks
        try await time.waitForSleepers()
        time.advance(by: .seconds(1))
        #expect(try await ticks?.receive() == moment(1))
        try await time.waitForSleepers()
        ticks = nil
        time.advance(by: .seconds(1))
        // Nothing sets another alarm.
        try await eventually { time.sleeperCount == 0 }
    }

    @Test func resetChangesTheDistance() async throws {
        let ticker = Ticker(every: .seconds(10), time: time.source)
        try await time.waitForSleepers()
        time.advance(by: .seconds(9))
        ticker.reset(every: .seconds(3))
        try await eventually { time.sleeperCount == 1 }
        time.advance(by: .seconds(2))
        #expect(ticker.ticks.tryReceive().isEmpty)
        time.advance(by: .seconds(1))
        #expect(try await ticker.ticks.receive() == moment(12))
    }

    @Test func ticksOnTheMachinesClock() async throws {
        var ticks = 0
        for try await _ in Ticker(every: .milliseconds(1)) {
            ticks += 1
            if ticks == 5 { break }
        }
        #expect(ticks == 5)
    }

    @Test func afterComesOnce() async throws {
        let alarm = after(.seconds(3), time: time.source)
        try await time.waitForSleepers()
        time.advance(by: .seconds(2))
        #expect(alarm.tryReceive().isEmpty)
        time.advance(by: .seconds(1))
        #expect(try await alarm.receive() == moment(3))
        #expect(try await alarm.receive() == nil)
        #expect(try await after(.zero).receive() != nil)
    }

    /// Against the list of all moments of one rhythm.
    @Test func anyOrderOfWakingAndResettingKeepsTheRhythm() {
        schedules(5_000) { random in
            var now = MonotonicTime.zero
            var interval = 1 + random.below(5)
            var state = TickerState(every: .nanoseconds(interval), from: now)
            // Every moment of the rhythm that nobody has been told of.
            var due = (1...200).map { now.nanoseconds + Int64($0 * interval) }
            var (missed, generation, isStopped) = (0, 0, false)
            for _ in 0..<20 {
                now = now + .nanoseconds(random.below(8))
                switch random.below(12) {
                case 0:
                    interval = 1 + random.below(5)
                    state.reset(every: .nanoseconds(interval), from: now)
                    due = (1...200).map { now.nanoseconds + Int64($0 * interval) }
                    generation += 1
                case 1 where random.isOne(in: 8):
                    state.stop()
                    isStopped = true
                case 2 where generation > 0:
                    try check(!state.wentOff(generation - 1, at: now), "an alarm of an older generation")
                case 3:
                    state.notTaken()
                    missed += 1
                default:
                    let passed = due.count { $0 <= now.nanoseconds }
                    let ticks = passed > 0 && !isStopped
                    try checkEqual(state.wentOff(generation, at: now), ticks, "ticks")
                    if ticks {
                        missed += passed - 1
                        due.removeFirst(passed)
                    }
                }
                try checkEqual(state.missed, missed, "missed")
                try checkEqual(state.next.nanoseconds, due[0], "next")
                try checkEqual(state.isCurrent(generation), !isStopped, "current")
            }
        }
    }
}
