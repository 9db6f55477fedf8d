import ApusChannels
import ApusPrimitives
import TestSupport
import Testing

@testable import channels

@Suite struct ProgramTests {
    @Test(arguments: Program.allCases) func runs(program: Program) async throws {
        #expect(try await !program.run().isEmpty)
    }

    @Test func eachRoundTouchesTheBallTwice() async throws {
        #expect(try await playPingPong(rounds: 100) == 200)
        #expect(try await playPingPong(rounds: 0) == 0)
    }

    @Test func everythingProducedIsConsumedOnce() async throws {
        let eaten = try await produceAndConsume(producers: 4, consumers: 3, each: 250)
        #expect(eaten.count == 3)
        #expect(eaten.reduce(0, +) == 1000)
        #expect(try await produceAndConsume(producers: 0, consumers: 2, each: 1) == [0, 0])
    }

    @Test func everyJobIsDoneOnce() async throws {
        let results = try await runWorkerPool(workers: 3, jobs: Array(0..<100)).sorted { $0.job < $1.job }
        #expect(results.map(\.job) == Array(0..<100))
        #expect(results.allSatisfy { $0.result == $0.job * $0.job })
        #expect(try await runWorkerPool(workers: 2, jobs: []).isEmpty)
    }

    @Test func thePipelineEndsWithItsInput() async throws {
        #expect(try await runPipeline(upTo: 1) == 0)
        #expect(try await runPipeline(upTo: 10) == 4 + 16 + 36 + 64 + 100)
    }

    @Test func theSieveLeavesThePrimes() async throws {
        let naive = (2...).lazy.filter { number in !(2..<number).contains { number.isMultiple(of: $0) } }
        #expect(try await sievePrimes(count: 40) == Array(naive.prefix(40)))
    }

    @Test func bothSpeakersAreHeardInTheirOrder() async throws {
        let heard = try await listen(to: ["a", "b"], sayings: 200)
        for name in ["a", "b"] {
            let own = heard.filter { $0.hasPrefix(name) }
            #expect(own == (0..<own.count).map { "\(name) \($0 + 1)" })
            // Each of them is ready nearly always, and chosen by a fair coin.
            #expect(!own.isEmpty)
        }
    }

    @Test func afterTheBurstOneRequestGoesAtEachTick() async throws {
        let time = ManualTime()
        let sending = Task {
            try await sendAtLimitedRate(requests: 5, burst: 2, every: .seconds(1), time: time.source)
        }
        let isDone = Locked(false)
        let clock = Task {
            while !isDone.withLock({ $0 }) {
                if time.sleeperCount > 0 { time.advance(by: .milliseconds(500)) }
                await Task.yield()
            }
        }
        let moments = try await sending.value
        isDone.withLock { $0 = true }
        await clock.value
        for (request, moment) in moments.enumerated() {
            #expect(moment >= .zero + .seconds(max(0, request - 1)))
        }
    }

    @Test func aMajorityAnswersThoughOneReplicaIsDown() async throws {
        let time = ManualTime()
        let reading = Task { try await readFromReplicas(of: 5, within: .seconds(1), time: time.source) }
        for left in [6, 5, 4, 3] {
            try await eventually { time.sleeperCount == left }
            time.advance(by: .milliseconds(10))
        }
        let found = try await reading.value
        #expect(found.answers.map(\.source.name).sorted() == ["replica 1", "replica 3", "replica 4"])
        // On a busy machine the majority may be there before the failure is heard of.
        #expect(found.failures.allSatisfy { $0.source.name == "replica 2" && $0.error is Replica.IsDown })
        let others = found.failures.map(\.source.name) + found.unanswered.map(\.name)
        #expect(others.sorted() == ["replica 2", "replica 5"])
    }
}
