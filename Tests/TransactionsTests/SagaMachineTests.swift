import ApusPrimitives
import ApusResilience
import Testing

@testable import ApusTransactions

/// The machine against a naive model, with events in any order, late, doubled and made up, and crashes between them.
@Suite struct SagaMachineTests {
    typealias Outcome = SagaMachine.Outcome

    /// One step as the model sees it.
    struct Step {
        let hasCompensation: Bool
        let maxAttempts: Int
    }

    /// What the model says must come next.
    enum Expected: Equatable {
        case work(index: Int, isCompensation: Bool)
        case end(SagaPhase)
    }

    /// What happened and is on disk: an outcome, or a crash in the middle of the work before it.
    enum Fact {
        case outcome(Outcome)
        case begunAndCrashed
    }

    /// Walks through everything that happened, from the beginning, and says what must come next.
    static func replay(_ steps: [Step], _ facts: [Fact]) -> Expected {
        var index = 0
        var attempts = 0
        var uncertain = Array(repeating: false, count: steps.count)
        var undo: [Int]?
        for fact in facts {
            if undo != nil {
                if case .outcome(.succeeded) = fact { undo?.removeFirst() }
            } else {
                attempts += 1
                var failed = false
                switch fact {
                case .outcome(.succeeded):
                    index += 1
                    attempts = 0
                case .outcome(.aborted): failed = true
                case .outcome(.failed(_, let decision)):
                    uncertain[index] = true
                    failed = decision == .stop || attempts >= steps[index].maxAttempts
                case .outcome(.unreadable): break
                case .begunAndCrashed: uncertain[index] = true
                }
                if failed {
                    undo = (0...index).reversed().filter { steps[$0].hasCompensation && ($0 < index || uncertain[$0]) }
                }
            }
        }
        if let undo { return undo.first.map { .work(index: $0, isCompensation: true) } ?? .end(.compensated) }
        return index == steps.count ? .end(.succeeded) : .work(index: index, isCompensation: false)
    }

    @Test(arguments: 0..<40)
    func doesWhatTheModelSaysInAnyOrderOfEvents(block: Int) throws {
        for seed in 0..<250 { try check(seed: UInt64(block * 250 + seed)) }
    }

    private func check(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let steps = (0..<Int.random(in: 1...5, using: &random)).map { _ in
            Step(hasCompensation: .random(using: &random), maxAttempts: .random(in: 1...3, using: &random))
        }
        let plans = Dictionary(
            uniqueKeysWithValues: steps.enumerated().map { index, step in
                let retry = RetryPolicy(maxAttempts: step.maxAttempts, baseDelay: .seconds(1))
                return (
                    "s\(index)",
                    SagaMachine.Plan(
                        hasCompensation: step.hasCompensation, retry: retry, compensationRetry: .untilCompensated)
                )
            })
        let new = SagaRecord(
            id: "id", name: "saga",
            steps: steps.enumerated().map {
                SagaStepRecord(name: "s\($0.offset)", hasCompensation: $0.element.hasCompensation)
            },
            state: [], createdAt: 0)

        var disk = new
        var facts: [Fact] = []
        var now: Int64 = 1
        var events = 0
        // Each turn of this loop is one claim; a crash, a wait or a stop ends it.
        while !disk.phase.isFinal {
            var machine = SagaMachine(record: disk, plans: plans)
            // An attempt that is put off is none.
            let isPostponed = machine.waiting != nil && Int.random(in: 0..<4, using: &random) == 0
            let beginning: SagaMachine.Event = isPostponed ? .postponed(.seconds(1)) : .claimed
            var pending = machine.step(beginning, at: now, using: &random).first
            var unsaved: Fact?
            var old: [SagaMachine.Event] = [.claimed]
            claim: while let action = pending {
                now += Int64.random(in: 0...10, using: &random)
                events += 1
                try #require(events < 10_000, "seed \(seed) never ends")
                for event in Self.noise(old, using: &random) {
                    #expect(machine.step(event, at: now, using: &random).isEmpty, "seed \(seed): \(event)")
                }
                if Int.random(in: 0..<12, using: &random) == 0 {
                    _ = machine.step(.stopRequested, at: now, using: &random)
                }
                let event: SagaMachine.Event
                switch action {
                case .save(let revision, _):
                    if Int.random(in: 0..<10, using: &random) == 0 { break claim }
                    disk = machine.record
                    if let fact = unsaved { facts.append(fact) }
                    unsaved = nil
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        // Crashed between the save and the effect: after it, nobody can tell.
                        if disk.isBegun { facts.append(.begunAndCrashed) }
                        break claim
                    }
                    event = .saved(revision: revision)
                case .run(let work):
                    #expect(
                        Self.replay(steps, facts) == .work(index: work.index, isCompensation: work.isCompensation),
                        "seed \(seed)")
                    #expect(disk == machine.record, "seed \(seed): begun before it was saved")
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        facts.append(.begunAndCrashed)
                        break claim
                    }
                    let outcome = Self.outcome(using: &random)
                    unsaved = .outcome(outcome)
                    event = .finished(ticket: work.ticket, outcome)
                case .leave:
                    break claim
                }
                old.append(event)
                pending = machine.step(event, at: now, using: &random).first
            }
            // The outcome of a finished work that was not saved is forgotten: the work counts as begun only.
            if unsaved != nil, disk.isBegun { facts.append(.begunAndCrashed) }
            now += 100_000
        }
        #expect(Self.replay(steps, facts) == .end(disk.phase), "seed \(seed)")
        let open = disk.steps.filter(\.needsCompensation).count
        #expect(disk.phase == .succeeded || open == 0, "seed \(seed): \(open) steps were left undone")
    }

    /// Events that must change nothing: of the past, of other tickets, out of place.
    private static func noise(
        _ old: [SagaMachine.Event], using random: inout SeededRandom
    ) -> [SagaMachine.Event] {
        guard Bool.random(using: &random) else { return [] }
        let made: [SagaMachine.Event] = [
            .claimed, .postponed(.seconds(1)), .saved(revision: 1_000),
            .finished(ticket: 1_000, .succeeded(state: [1])),
            .finished(ticket: -1, .aborted(reason: "late")), .saved(revision: 0),
        ]
        return [made.randomElement(using: &random), old.randomElement(using: &random)].compactMap(\.self)
    }

    private static func outcome(using random: inout SeededRandom) -> Outcome {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .aborted(reason: "no")
        case 1: .failed(message: "late", decision: .retryAfter(.seconds(5)))
        case 2: .failed(message: "broken", decision: .stop)
        case 3, 4: .failed(message: "broken", decision: .retry)
        default: .succeeded(state: [UInt8.random(in: 0...255, using: &random)])
        }
    }

    @Test func aLostClaimEndsEverything() {
        var random = SeededRandom(seed: 1)
        let record = SagaRecord(
            id: "id", name: "saga", steps: [SagaStepRecord(name: "a", hasCompensation: false)], state: [], createdAt: 0)
        let plans = [
            "a": SagaMachine.Plan(hasCompensation: false, retry: .classic, compensationRetry: .untilCompensated)
        ]
        var machine = SagaMachine(record: record, plans: plans)
        #expect(machine.step(.claimed, at: 0, using: &random) == [.save(revision: 2, .kept)])
        #expect(machine.step(.claimLost, at: 0, using: &random) == [.leave(.claimLost)])
        #expect(machine.step(.saved(revision: 2), at: 0, using: &random).isEmpty)
        #expect(machine.step(.claimLost, at: 0, using: &random).isEmpty)
    }

    @Test func whatIsPutOffWaitsAtLeastAsLongAndCountsNoAttempt() {
        for seed in 0..<200 {
            var random = SeededRandom(seed: UInt64(seed))
            var step = SagaStepRecord(name: "a", hasCompensation: true)
            (step.phase, step.attempts, step.startedAt, step.retryAt) = (.running, 3, 1_000, 9_000)
            let record = SagaRecord(id: "id", name: "saga", steps: [step], state: [], createdAt: 0)
            let retry = RetryPolicy(baseDelay: .seconds(1), maxDelay: .seconds(4))
            let plan = SagaMachine.Plan(hasCompensation: true, retry: retry, compensationRetry: .untilCompensated)
            var machine = SagaMachine(record: record, plans: ["a": plan])
            let actions = machine.step(.postponed(.seconds(1)), at: 9_000, using: &random)
            guard case .save(let revision, .released(let due)) = actions.first else {
                Issue.record("seed \(seed): \(actions)")
                return
            }
            #expect((10_000...14_000).contains(due), "seed \(seed)")
            #expect(machine.record.steps[0].attempts == 3 && machine.record.steps[0].retryAt == due, "seed \(seed)")
            #expect(
                machine.step(.saved(revision: revision), at: 9_000, using: &random) == [.leave(.waiting(until: due))])
        }
    }

    @Test func noAttemptBeginsAfterTheDeadlineOfItsStep() {
        var random = SeededRandom(seed: 1)
        var step = SagaStepRecord(name: "a", hasCompensation: true)
        (step.phase, step.attempts, step.startedAt, step.retryAt) = (.running, 1, 1_000, 2_000)
        (step.isUncertain, step.error) = (true, "no answer")
        let record = SagaRecord(id: "id", name: "saga", steps: [step], state: [], createdAt: 0)
        let plan = SagaMachine.Plan(
            hasCompensation: true, retry: RetryPolicy(maxAttempts: .max, baseDelay: .seconds(1), jitter: .none),
            compensationRetry: .untilCompensated, deadline: .seconds(60))
        var late = SagaMachine(record: record, plans: ["a": plan])
        _ = late.step(.postponed(.seconds(1)), at: 61_000, using: &random)
        #expect(late.record.phase == .compensating && late.record.error == "a: no answer")
        #expect(late.record.steps[0].phase == .compensating && late.record.steps[0].retryAt == nil)

        // One that is due before it is made, however late; its failure is the last.
        var due = SagaMachine(record: record, plans: ["a": plan])
        #expect(due.step(.claimed, at: 100_000, using: &random) == [.save(revision: 2, .kept)])
        #expect(due.step(.saved(revision: 2), at: 100_000, using: &random).count == 1)
        _ = due.step(.finished(ticket: 1, .failed(message: "again", decision: .retry)), at: 100_000, using: &random)
        #expect(due.record.phase == .compensating && due.record.error == "a: again")
    }

    @Test func aStepThatIsNoLongerKnownMakesTheSagaStuck() {
        var random = SeededRandom(seed: 1)
        let record = SagaRecord(
            id: "id", name: "saga", steps: [SagaStepRecord(name: "gone", hasCompensation: false)], state: [],
            createdAt: 0)
        var machine = SagaMachine(record: record, plans: [:])
        #expect(machine.step(.claimed, at: 0, using: &random) == [.save(revision: 1, .released(due: .max))])
        #expect(machine.record.phase == .stuck && machine.record.stuckPhase == .running)
        #expect(machine.record.error == "the saga saga has no step gone any more")
    }
}

extension SagaRecord {
    /// Whether an action or a compensation was begun, and neither ended nor waits.
    fileprivate var isBegun: Bool {
        steps.contains { ($0.phase == .running || $0.phase == .compensating) && $0.retryAt == nil }
    }
}
