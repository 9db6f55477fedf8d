import ApusPrimitives
import ApusResilience

/// What decides in a saga: a value to which events are told and which answers with what to do.
///
/// It keeps three promises whatever the order of events: what it is about to do is saved before it is done; at most one
/// thing is being done; and an event that is late, doubled or of another attempt changes nothing.
struct SagaMachine: Sendable {
    /// What the program knows about a step.
    struct Plan: Sendable {
        let hasCompensation: Bool
        let retry: RetryPolicy
        let compensationRetry: RetryPolicy
        /// Since the first attempt of the action; none begins later.
        var deadline: Duration?
    }

    /// One attempt at a step or at its compensation.
    struct Work: Hashable, Sendable {
        let index: Int
        let isCompensation: Bool
        let attempt: Int
        /// Unlike that of any other work of this machine.
        let ticket: Int
    }

    enum Outcome: Hashable, Sendable {
        case succeeded(state: [UInt8])
        case aborted(reason: String)
        /// Nobody knows whether it took effect.
        case failed(message: String, decision: RetryDecision)
        /// The stored state is not what the program expects; nothing was tried.
        case unreadable(message: String)
    }

    enum Event: Hashable, Sendable {
        /// The record was read and claimed.
        case claimed
        /// The record was read and claimed, and there is no leave for the attempt that it waits for: so long at least.
        case postponed(Duration)
        /// The record of the `save` with this revision is on disk.
        case saved(revision: Int)
        case finished(ticket: Int, Outcome)
        /// Leave at the next durable point.
        case stopRequested
        /// Another coordinator has the saga.
        case claimLost
    }

    enum Action: Hashable, Sendable {
        /// Write `SagaMachine.record`. Claimed until a time: nobody else may have it; released: anybody, from then on.
        case save(revision: Int, Claim)
        case run(Work)
        /// Nothing more will come.
        case leave(Departure)
    }

    enum Claim: Hashable, Sendable {
        case kept
        case released(due: Int64)
    }

    enum Departure: Hashable, Sendable {
        case ended
        case waiting(until: Int64)
        case stopped
        case stuck
        case claimLost
    }

    private enum Stage: Hashable, Sendable {
        /// To `saving`, by `claimed`.
        case idle
        /// To `working` or `left`, by `saved`.
        case saving(revision: Int, next: Action)
        /// To `saving`, by `finished`.
        case working(Work)
        case left
    }

    private(set) var record: SagaRecord
    private let plans: [String: Plan]
    private var stage = Stage.idle
    private var isStopping = false
    private var counter = 0

    init(record: SagaRecord, plans: [String: Plan]) {
        self.record = record
        self.plans = plans
    }

    /// - Parameter now: milliseconds since 1970.
    mutating func step(_ event: Event, at now: Int64, using random: inout some RandomNumberGenerator) -> [Action] {
        switch (event, stage) {
        case (.claimLost, .idle), (.claimLost, .saving), (.claimLost, .working):
            stage = .left
            return [.leave(.claimLost)]
        case (.stopRequested, _):
            isStopping = true
            return []
        case (.claimed, .idle):
            return resume(at: now)
        case (.postponed(let wait), .idle):
            return postpone(wait, at: now, using: &random)
        case (.saved(let revision), .saving(let saving, let next)) where revision == saving:
            if case .run(let work) = next { stage = .working(work) } else { stage = .left }
            return [next]
        case (.finished(let ticket, let outcome), .working(let work)) where work.ticket == ticket:
            return finish(work, outcome, at: now, using: &random)
        default:
            return []
        }
    }

    private mutating func resume(at now: Int64) -> [Action] {
        if record.phase.isFinal || record.phase == .stuck {
            stage = .left
            return [.leave(record.phase == .stuck ? .stuck : .ended)]
        }
        for step in record.steps {
            guard let plan = plans[step.name] else {
                return stick("the saga \(record.name) has no step \(step.name) any more")
            }
            if step.hasCompensation, !plan.hasCompensation {
                return stick("the step \(step.name) of the saga \(record.name) has no compensation any more")
            }
        }
        for index in record.steps.indices where record.steps[index].phase == .running {
            // Begun and not ended, nor waiting: whoever began it is gone, and its effect may be there.
            if record.steps[index].retryAt == nil { record.steps[index].isUncertain = true }
        }
        return advance(at: now)
    }

    /// The step that waits for its next attempt: the only one that may be kept waiting longer.
    var waiting: SagaStepRecord? {
        record.phase == .running || record.phase == .compensating ? record.steps.first { $0.retryAt != nil } : nil
    }

    /// Puts the attempt off without counting it, by anything up to the longest of its waits more than it must: those that
    /// were put off together do not come back together.
    private mutating func postpone(
        _ wait: Duration, at now: Int64, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let index = record.steps.firstIndex(where: { $0.retryAt != nil }), waiting != nil,
            let plan = plans[record.steps[index].name]
        else { return resume(at: now) }
        let isCompensation = record.steps[index].phase == .compensating
        let policy = isCompensation ? plan.compensationRetry : plan.retry
        let due =
            now + Self.milliseconds(wait) + Int64.random(in: 0...Self.milliseconds(policy.maxDelay), using: &random)
        if !isCompensation, isTooLate(due, for: index, plan) {
            return compensate(
                from: index, because: record.steps[index].error ?? "no leave for another attempt", at: now)
        }
        record.steps[index].retryAt = due
        return save(.released(due: due), then: .leave(.waiting(until: due)))
    }

    private func isTooLate(_ due: Int64, for index: Int, _ plan: Plan) -> Bool {
        guard let deadline = plan.deadline, let start = record.steps[index].startedAt else { return false }
        return due - start > Self.milliseconds(deadline)
    }

    private static func milliseconds(_ duration: Duration) -> Int64 { duration.nanoseconds / 1_000_000 }

    /// Saves what comes next, and does it once that is saved.
    private mutating func advance(at now: Int64) -> [Action] {
        if record.phase == .running {
            if let index = record.steps.firstIndex(where: { $0.phase != .succeeded }) {
                return begin(index, isCompensation: false, at: now)
            }
            return end(.succeeded, at: now)
        }
        if let index = record.steps.lastIndex(where: \.needsCompensation) {
            return begin(index, isCompensation: true, at: now)
        }
        for index in record.steps.indices where record.steps[index].phase == .pending {
            record.steps[index].phase = .skipped
        }
        return end(.compensated, at: now)
    }

    private mutating func begin(_ index: Int, isCompensation: Bool, at now: Int64) -> [Action] {
        if isStopping { return save(.released(due: now), then: .leave(.stopped)) }
        record.steps[index].retryAt = nil
        record.steps[index].startedAt = record.steps[index].startedAt ?? now
        let attempt: Int
        if isCompensation {
            record.steps[index].phase = .compensating
            record.steps[index].compensationAttempts += 1
            attempt = record.steps[index].compensationAttempts
        } else {
            record.steps[index].phase = .running
            record.steps[index].attempts += 1
            attempt = record.steps[index].attempts
        }
        counter += 1
        let work = Work(index: index, isCompensation: isCompensation, attempt: attempt, ticket: counter)
        return save(.kept, then: .run(work))
    }

    private mutating func finish(
        _ work: Work, _ outcome: Outcome, at now: Int64, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        switch outcome {
        case .unreadable(let message):
            return stick(message)
        case .succeeded(let state):
            record.state = state
            record.steps[work.index].phase = work.isCompensation ? .compensated : .succeeded
            record.steps[work.index].endedAt = now
            record.steps[work.index].error = work.isCompensation ? record.steps[work.index].error : nil
            return advance(at: now)
        case .aborted(let reason) where !work.isCompensation:
            return compensate(from: work.index, because: reason, at: now)
        case .aborted(let reason):
            return wait(work, because: reason, decision: .retry, at: now, using: &random)
        case .failed(let message, let decision):
            record.steps[work.index].isUncertain = true
            return wait(work, because: message, decision: decision, at: now, using: &random)
        }
    }

    /// Lets the saga go until its next attempt is due; meanwhile it costs nothing but its row.
    private mutating func wait(
        _ work: Work, because message: String, decision: RetryDecision, at now: Int64,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let plan = plans[record.steps[work.index].name] else { return [] }
        let policy = work.isCompensation ? plan.compensationRetry : plan.retry
        var asked = Duration.zero
        if case .retryAfter(let duration) = decision { asked = min(duration, policy.maxDelay) }
        if !work.isCompensation, decision == .stop || work.attempt >= policy.maxAttempts {
            return compensate(from: work.index, because: message, at: now)
        }
        let delay = max(policy.delay(afterAttempt: work.attempt, using: &random), asked)
        let due = now + Self.milliseconds(delay)
        if !work.isCompensation, isTooLate(due, for: work.index, plan) {
            return compensate(from: work.index, because: message, at: now)
        }
        record.steps[work.index].error = message
        record.steps[work.index].retryAt = due
        return save(.released(due: due), then: .leave(.waiting(until: due)))
    }

    private mutating func compensate(from index: Int, because reason: String, at now: Int64) -> [Action] {
        record.steps[index].phase = .failed
        record.steps[index].retryAt = nil
        record.steps[index].error = reason
        record.steps[index].endedAt = now
        record.error = "\(record.steps[index].name): \(reason)"
        record.phase = .compensating
        return advance(at: now)
    }

    private mutating func end(_ phase: SagaPhase, at now: Int64) -> [Action] {
        record.phase = phase
        record.endedAt = now
        return save(.released(due: .max), then: .leave(.ended))
    }

    private mutating func stick(_ message: String) -> [Action] {
        record.stuckPhase = record.phase
        record.phase = .stuck
        record.error = message
        return save(.released(due: .max), then: .leave(.stuck))
    }

    private mutating func save(_ claim: Claim, then next: Action) -> [Action] {
        counter += 1
        stage = .saving(revision: counter, next: next)
        return [.save(revision: counter, claim)]
    }
}
