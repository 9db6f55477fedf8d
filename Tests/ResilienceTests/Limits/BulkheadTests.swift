import ApusPrimitives
import ApusResilience
import Foundation
import TestSupport
import Testing

@Suite struct BulkheadTests {
    private struct Failed: Error {}

    private let time = ManualTime()

    private func bulkhead(_ concurrent: Int = 2, waiting: Int = 2, wait: Duration = .seconds(5)) -> Bulkhead {
        Bulkhead(
            "payment",
            configuration: Bulkhead.Configuration(maxConcurrent: concurrent, maxWaiting: waiting, maxWait: wait),
            time: time.source)
    }

    /// Tasks that wait for a place, in their order; each notes its number and keeps the place.
    private func line(
        _ bulkhead: Bulkhead, _ count: Int, inside: Locked<[Int]> = Locked([])
    ) async throws -> [Task<Void, any Error>] {
        var tasks: [Task<Void, any Error>] = []
        for index in 0..<count {
            tasks.append(
                Task {
                    try await bulkhead.acquire()
                    inside.withLock { $0.append(index) }
                })
            try await eventually { bulkhead.waiting == index + 1 }
        }
        return tasks
    }

    @Test func soManyCallsAreUnderWayAndNoMore() async throws {
        let bulkhead = bulkhead(2, waiting: 0)
        try await bulkhead.acquire()
        #expect(bulkhead.tryAcquire())
        #expect(!bulkhead.tryAcquire())
        #expect(bulkhead.running == 2)
        bulkhead.release()
        try await bulkhead.acquire()
    }

    @Test func aCallThatFindsNoPlaceInTheLineIsRefusedWithTheNumbers() async throws {
        let bulkhead = bulkhead(1, waiting: 1)
        try await bulkhead.acquire()
        let tasks = try await line(bulkhead, 1)
        let error = try await #require(throws: ResilienceError.self) { try await bulkhead.run {} }
        #expect(error.code == .bulkheadFull)
        #expect(error.policy == "payment")
        #expect(error.message == "no more may wait: 1 calls are under way and 1 wait, the limits are 1 and 1")
        #expect(error.retryAfter == nil, "no call has ended yet")
        bulkhead.release()
        try await tasks[0].value
    }

    @Test func itSaysWhenToTryAgainFromHowFastCallsEnd() async throws {
        let bulkhead = bulkhead(1, waiting: 0)
        for _ in 0..<3 {
            try await bulkhead.acquire()
            time.advance(by: .milliseconds(300))
            bulkhead.release()
        }
        try await bulkhead.acquire()
        let error = try await #require(throws: ResilienceError.self) { try await bulkhead.acquire() }
        #expect(error.retryAfter == .milliseconds(300))
    }

    @Test func aTimeWhenPlacesWereFreeSaysNothingAboutHowFastCallsEnd() async throws {
        let bulkhead = bulkhead(2, waiting: 0)
        for _ in 0..<2 {
            #expect(bulkhead.tryAcquire() && bulkhead.tryAcquire())
            bulkhead.release()
            bulkhead.release()
            time.advance(by: .seconds(10))
        }
        #expect(bulkhead.tryAcquire() && bulkhead.tryAcquire())
        let error = try await #require(throws: ResilienceError.self) { try await bulkhead.acquire() }
        #expect(error.retryAfter == nil)
    }

    @Test func placesGoToThoseWhoWaitInTheirOrder() async throws {
        let bulkhead = bulkhead(1, waiting: 3)
        try await bulkhead.acquire()
        let inside = Locked<[Int]>([])
        let tasks = try await line(bulkhead, 3, inside: inside)
        for index in 0..<3 {
            bulkhead.release()
            #expect(!bulkhead.tryAcquire(), "nobody overtakes")
            try await tasks[index].value
            #expect(inside.withLock { $0 } == Array(0...index))
            #expect(bulkhead.running == 1)
        }
        #expect(time.sleeperCount == 0)
    }

    @Test func aWaitEndsAfterItsTime() async throws {
        let bulkhead = bulkhead(1)
        try await bulkhead.acquire()
        let tasks = try await line(bulkhead, 1)
        try await time.waitForSleepers()
        time.advance(by: .seconds(5))
        let error = try await #require(throws: ResilienceError.self) { try await tasks[0].value }
        #expect(error.code == .bulkheadFull)
        #expect(error.message.hasPrefix("no place in 5.0 seconds: 1 calls are under way"))
        #expect(bulkhead.waiting == 0)
        bulkhead.release()
        #expect(bulkhead.running == 0)
    }

    @Test func nobodyWaitsPastTheDeadline() async throws {
        let bulkhead = bulkhead(1)
        try await bulkhead.acquire()
        let deadline = Deadline(after: .seconds(2), from: time.now)
        let task = Task {
            try await Deadline.$current.withValue(deadline) { try await bulkhead.acquire() }
        }
        try await time.waitForSleepers()
        time.advance(by: .seconds(2))
        let error = try await #require(throws: ResilienceError.self) { try await task.value }
        #expect(error.message.hasPrefix("no place before the deadline"))
        let late = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(deadline) { try await bulkhead.acquire() }
        }
        #expect(late.message.hasPrefix("the deadline has passed"))
        #expect(bulkhead.waiting == 0)
    }

    @Test func withoutAWaitItRefusesAtOnce() async throws {
        let bulkhead = bulkhead(1, waiting: 5, wait: .zero)
        try await bulkhead.acquire()
        let error = try await #require(throws: ResilienceError.self) { try await bulkhead.acquire() }
        #expect(error.message.hasPrefix("nobody may wait"))
    }

    @Test func aCancelledWaitGivesItsPlaceInTheLineBack() async throws {
        let bulkhead = bulkhead(1, waiting: 2)
        try await bulkhead.acquire()
        let inside = Locked<[Int]>([])
        let tasks = try await line(bulkhead, 2, inside: inside)
        tasks[0].cancel()
        await #expect(throws: CancellationError.self) { try await tasks[0].value }
        #expect(bulkhead.waiting == 1)
        bulkhead.release()
        try await tasks[1].value
        #expect(inside.withLock { $0 } == [1])
        bulkhead.release()
        #expect(bulkhead.running == 0)
    }

    @Test func whatTheBodyThrowsPassesAndThePlaceComesBack() async throws {
        let bulkhead = bulkhead(1, waiting: 0)
        await #expect(throws: Failed.self) { try await bulkhead.run { throw Failed() } }
        #expect(try await bulkhead.run { 3 } == 3)
        #expect(bulkhead.running == 0)
    }

    @Test func morePlacesLetThoseInWhoWait() async throws {
        let bulkhead = bulkhead(1, waiting: 3)
        try await bulkhead.acquire()
        let tasks = try await line(bulkhead, 3)
        bulkhead.reconfigure(Bulkhead.Configuration(maxConcurrent: 3, maxWaiting: 3, maxWait: .seconds(5)))
        try await tasks[0].value
        try await tasks[1].value
        #expect(bulkhead.running == 3)
        #expect(bulkhead.waiting == 1)
        bulkhead.release()
        try await tasks[2].value
    }

    @Test func fewerPlacesLetThoseInsideFinish() async throws {
        let bulkhead = bulkhead(3, waiting: 3)
        for _ in 0..<3 { try await bulkhead.acquire() }
        let tasks = try await line(bulkhead, 1)
        bulkhead.reconfigure(Bulkhead.Configuration(maxConcurrent: 1, maxWaiting: 0, maxWait: .zero))
        bulkhead.release()
        bulkhead.release()
        #expect(bulkhead.running == 1)
        #expect(bulkhead.waiting == 1, "who waits goes on waiting")
        bulkhead.release()
        try await tasks[0].value
        await #expect(throws: ResilienceError.self) { try await bulkhead.acquire() }
    }

    @Test func settingsAreClampedInCodeAndReadStrictly() throws {
        typealias Configuration = Bulkhead.Configuration
        let least = Configuration(maxConcurrent: 0, maxWaiting: -1, maxWait: .seconds(-1))
        #expect(least == Configuration(maxConcurrent: 1, maxWaiting: 0, maxWait: .zero))
        func read(_ text: String) throws -> Configuration {
            try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
        }
        let value = Configuration(maxConcurrent: 5, maxWaiting: 6, maxWait: .milliseconds(70))
        #expect(try read(#"{"maxConcurrent":5,"maxWaiting":6,"maxWaitMilliseconds":70}"#) == value)
        #expect(try JSONDecoder().decode(Configuration.self, from: JSONEncoder().encode(value)) == value)
        #expect(try read("{}") == Configuration())
        for wrong in [#"{"maxConcurrent":0}"#, #"{"maxWaiting":-1}"#, #"{"maxWait":1}"#] {
            #expect(throws: DecodingError.self) { try read(wrong) }
        }
    }

    /// Calls on several threads while the number of places changes: in the end there are as many as there should be.
    @Test func changesUnderLoadKeepEveryPlace() async throws {
        func settings(_ places: Int) -> Bulkhead.Configuration {
            Bulkhead.Configuration(maxConcurrent: places, maxWaiting: 1_000, maxWait: .seconds(60))
        }
        let bulkhead = Bulkhead(configuration: settings(3))
        let counts = Locked((now: 0, most: 0))
        try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for round in 0..<1_000 {
                        try await bulkhead.run {
                            counts.withLock {
                                $0.now += 1
                                $0.most = max($0.most, $0.now)
                            }
                            if round % 7 == 0 { await Task.yield() }
                            counts.withLock { $0.now -= 1 }
                        }
                    }
                }
            }
            group.addTask {
                for round in 0..<600 {
                    bulkhead.reconfigure(settings(1 + round % 6))
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        #expect(counts.withLock { $0.now } == 0 && counts.withLock { $0.most } <= 6)
        #expect(bulkhead.running == 0 && bulkhead.waiting == 0)
        bulkhead.reconfigure(settings(4))
        for _ in 0..<4 { #expect(bulkhead.tryAcquire()) }
        #expect(!bulkhead.tryAcquire())
        #expect(bulkhead.running == 4)
    }

    /// Two threads at once, with nothing between: one gives back, the other takes places away.
    @Test func aPlaceThatComesBackWhileThereBecomeFewerIsNotLost() async throws {
        func settings(_ places: Int) -> Bulkhead.Configuration {
            Bulkhead.Configuration(maxConcurrent: places, maxWaiting: 0, maxWait: .zero)
        }
        let bulkhead = Bulkhead(configuration: settings(6))
        await withTaskGroup { group in
            group.addTask {
                for _ in 0..<2_000_000 {
                    var taken = 0
                    while taken < 3, bulkhead.tryAcquire() { taken += 1 }
                    for _ in 0..<taken { bulkhead.release() }
                }
            }
            group.addTask {
                for round in 0..<2_000_000 { bulkhead.reconfigure(settings(round.isMultiple(of: 2) ? 1 : 6)) }
            }
        }
        #expect(bulkhead.running == 0)
        for _ in 0..<6 { #expect(bulkhead.tryAcquire()) }
        #expect(!bulkhead.tryAcquire())
    }

    /// Many tasks that come, wait, give up and leave in any order: no place is ever lost or taken twice.
    @Test(arguments: 1...10 as ClosedRange<UInt64>) func placesAreNeitherLostNorTakenTwice(_ seed: UInt64) async throws
    {
        var random = SeededRandom(seed: seed)
        let places = Int.random(in: 1...4, using: &random)
        let bulkhead = bulkhead(places, waiting: 20, wait: .seconds(1))
        let counts = Locked((now: 0, most: 0, done: 0, refused: 0))
        try await withThrowingTaskGroup { group in
            for _ in 0..<200 {
                let yields = Int.random(in: 0..<30, using: &random)
                let gate = Task { [time] in
                    do {
                        try await bulkhead.run {
                            counts.withLock {
                                $0.now += 1
                                $0.most = max($0.most, $0.now)
                            }
                            for _ in 0..<yields { await Task.yield() }
                            counts.withLock { $0.now -= 1 }
                        }
                        counts.withLock { $0.done += 1 }
                    } catch {
                        counts.withLock { $0.refused += 1 }
                    }
                    _ = time
                }
                group.addTask { await gate.value }
                switch Int.random(in: 0..<6, using: &random) {
                case 0: gate.cancel()
                case 1: time.advance(by: .milliseconds(Int.random(in: 0..<800, using: &random)))
                default: await Task.yield()
                }
            }
            try await eventually {
                time.advance(by: .seconds(1))
                return counts.withLock { $0.done + $0.refused } == 200
            }
            try await group.waitForAll()
        }
        #expect(counts.withLock { $0.most } <= places, "seed \(seed)")
        #expect(bulkhead.running == 0 && bulkhead.waiting == 0, "seed \(seed)")
    }
}
