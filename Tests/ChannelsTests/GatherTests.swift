import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct GatherTests {
    struct Refused: Error, Equatable {
        let node: Int
    }

    /// Answers that never come: they end when they are cancelled.
    private func never() async throws -> Int {
        try await Signal<Int>().value
    }

    @Test func allAnswer() async throws {
        let found = try await gather(from: [1, 2, 3]) { $0 * 10 }
        #expect(found.ending == .enough)
        #expect(try found.enough().sorted() == [10, 20, 30])
        #expect(found.answers.allSatisfy { $0.answer == $0.source * 10 })
        #expect(found.failures.isEmpty)
        #expect(found.unanswered.isEmpty)
    }

    @Test func theFirstAnswerCancelsTheOthers() async throws {
        let cancelled = Locked(0)
        let found = try await gather(from: [1, 2, 3], until: .first) { node in
            if node == 2 { return node }
            do { return try await never() } catch {
                cancelled.withLock { $0 += 1 }
                throw error
            }
        }
        #expect(try found.enough() == [2])
        #expect(found.unanswered == [1, 3])
        #expect(cancelled.withLock { $0 } == 2)
    }

    @Test func aQuorumBearsFailuresAndSaysWhoFailedAndWhy() async throws {
        let failed = WaitGroup(1)
        let found = try await gather(from: [1, 2, 3], until: .majority) { node in
            if node == 1 {
                failed.done()
                throw Refused(node: node)
            }
            // So that the failure is there before the quorum.
            try await failed.wait()
            return node
        }
        #expect(found.isEnough)
        #expect(Set(found.answers.map(\.source)).isSubset(of: [2, 3]))
        for failure in found.failures { #expect(failure.error as? Refused == Refused(node: failure.source)) }
    }

    @Test func itEndsWhenTheGoalIsOutOfReach() async throws {
        let found = try await gather(from: [1, 2, 3], until: .quorum(2)) { node in
            if node < 3 { throw Refused(node: node) }
            return try await never()
        }
        #expect(found.ending == .outOfReach)
        #expect(Set(found.failures.map(\.source)) == [1, 2])
        #expect(found.unanswered == [3])
        let error = #expect(throws: NotEnoughAnswers.self) { try found.enough() }
        #expect(error?.description.contains("1 failed: Refused(node: 1)") == true)
        #expect(error?.description.contains("no answer from 3") == true)
    }

    @Test func theDeadlineCancelsTheLateOnesAndKeepsTheAnswers() async throws {
        let time = ManualTime()
        let answered = Signal<Void>()
        let gathering = Task {
            try await gather(from: [1, 2], within: .seconds(5), time: time.source) { node in
                if node == 2 { return try await never() }
                answered.send()
                return node
            }
        }
        try await answered.value
        try await time.waitForSleepers()
        time.advance(by: .seconds(5))
        let found = try await gathering.value
        #expect(found.ending == .deadline)
        #expect(found.unanswered == [2])
        let error = #expect(throws: NotEnoughAnswers.self) { try found.enough() }
        #expect(error?.ending == .deadline)
    }

    @Test func aCancelledCallerCancelsEverybody() async throws {
        let began = WaitGroup(2)
        let gathering = Task {
            try await gather(from: [1, 2], within: .seconds(3600)) { _ in
                began.done()
                return try await never()
            }
        }
        try await began.wait()
        gathering.cancel()
        await #expect(throws: CancellationError.self) { _ = try await gathering.value }
    }

    @Test func nobodyToAsk() async throws {
        let nobody: [Int] = []
        #expect(try await gather(from: nobody) { $0 }.ending == .enough)
        #expect(try await gather(from: nobody, until: .first) { $0 }.ending == .outOfReach)
    }

    @Test func asManyAsAreNeeded() {
        #expect([1, 2, 3, 4, 5].map { GatherGoal.majority.needed(of: $0) } == [1, 2, 2, 3, 3])
        #expect(GatherGoal.quorum(7).needed(of: 3) == 7)
    }

    /// Against the list of events up to the one that decides.
    @Test func anyOrderOfOutcomesDoesWhatTheModelSays() {
        schedules(5_000) { random in
            let asked = random.below(6)
            let needed = random.below(asked + 2)
            var state = GatherState<Int>(asked: asked, needed: needed)
            var (answered, failed): ([Int], [Int]) = ([], [])
            var ending: GatherEnding?
            func decide() {
                guard ending == nil else { return }
                if answered.count >= needed { ending = .enough }
                if asked - failed.count < needed { ending = .outOfReach }
            }
            decide()
            for step in 0..<12 {
                switch random.below(9) {
                case 0:
                    guard random.isOne(in: 4) else { continue }
                    state.deadlinePassed()
                    ending = ending ?? .deadline
                case 1...5 where asked > 0:
                    let index = random.below(asked)
                    state.answered(index, step)
                    if ending == nil, !answered.contains(index), !failed.contains(index) { answered.append(index) }
                default:
                    guard asked > 0 else { continue }
                    let index = random.below(asked)
                    state.failed(index, Refused(node: index))
                    if ending == nil, !answered.contains(index), !failed.contains(index) { failed.append(index) }
                }
                decide()
                try checkEqual(state.ending, ending, "ending")
                try checkEqual(state.answers.map(\.index), answered, "answers")
                try checkEqual(state.failures.map(\.index), failed, "failures")
                let silent = (0..<asked).filter { !answered.contains($0) && !failed.contains($0) }
                try checkEqual(state.silent, silent, "silent")
            }
        }
    }
}
