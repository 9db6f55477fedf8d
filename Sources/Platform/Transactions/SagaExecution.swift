import ApusPrimitives
import ApusResilience
import Logging

/// One claimed saga on its way: does what its machine says, and tells it what came of it.
struct SagaExecution {
    private let saga: ClaimedSaga
    private let definition: SagaDefinition
    private let coordinator: SagaCoordinator
    private let logger: Logger

    init(_ saga: ClaimedSaga, definition: SagaDefinition, coordinator: SagaCoordinator) {
        self.saga = saga
        self.definition = definition
        self.coordinator = coordinator
        var logger = coordinator.logger
        logger[metadataKey: "saga"] = "\(saga.record.name)"
        logger[metadataKey: "saga_id"] = "\(saga.record.id)"
        self.logger = logger
    }

    /// Returns when the saga ended, waits, is lost, or the task is cancelled, which counts as a crash.
    func run() async {
        var machine = SagaMachine(record: saga.record, plans: definition.plans)
        var random = SystemRandomNumberGenerator()
        var actions = machine.step(beginning(machine), at: coordinator.wallClock(), using: &random)
        do {
            while let action = actions.first {
                var event: SagaMachine.Event
                switch action {
                case .save(let revision, let claim):
                    event = try await save(machine.record, claim) ? .saved(revision: revision) : .claimLost
                case .run(let work):
                    event = .finished(ticket: work.ticket, try await attempt(work, of: machine.record))
                case .leave(let departure):
                    return left(departure, machine.record)
                }
                let now = coordinator.wallClock()
                if coordinator.isStopping { _ = machine.step(.stopRequested, at: now, using: &random) }
                actions = machine.step(event, at: now, using: &random)
            }
        } catch {
            logger.debug("left the saga in the middle", metadata: ["reason": "\(error)"])
        }
    }

    /// Whether the attempt that the saga waits for may be made now.
    private func beginning(_ machine: SagaMachine) -> SagaMachine.Event {
        guard let step = machine.waiting else { return .claimed }
        let isCompensation = step.phase == .compensating
        let wait = coordinator.budgets.withdraw(
            saga.record.name, step.name, isCompensation: isCompensation, at: coordinator.time.now())
        guard let wait else { return .claimed }
        coordinator.metrics.postponed(saga.record.name, step: step.name, isCompensation: isCompensation)
        return .postponed(wait)
    }

    /// Tries until the database answers: nothing may be done before.
    private func save(_ record: SagaRecord, _ claim: SagaMachine.Claim) async throws -> Bool {
        var attempt = 1
        while true {
            do {
                return try await coordinator.store.save(
                    record, token: saga.fencingToken, claim: claim,
                    keptUntil: coordinator.wallClock() + coordinator.claimMilliseconds)
            } catch {
                try Task.checkCancellation()
                logger.warning("could not save the saga", metadata: ["error": "\(error)", "attempt": "\(attempt)"])
                try await coordinator.time.sleep(for: .milliseconds(min(10 << min(attempt, 7), 1_000)))
                attempt += 1
            }
        }
    }

    private func attempt(
        _ work: SagaMachine.Work, of record: SagaRecord
    ) async throws(CancellationError) -> SagaMachine.Outcome {
        let step = record.steps[work.index].name
        let key = "\(record.id)/\(step)"
        let context = SagaContext(
            sagaID: record.id, step: step, idempotencyKey: work.isCompensation ? "\(key)/compensate" : key,
            attempt: work.attempt, fencingToken: saga.fencingToken)
        let start = coordinator.time.now()
        let outcome = try await definition.attempt(work.isCompensation, record.state, context, coordinator.time)
        coordinator.metrics.attempted(
            record.name, step: step, isCompensation: work.isCompensation, outcome: outcome,
            took: coordinator.time.now() - start)
        if case .succeeded = outcome {
            coordinator.budgets.succeeded(
                record.name, step, isCompensation: work.isCompensation, at: coordinator.time.now())
        }
        if case .failed(let message, _) = outcome {
            logger.notice(
                "a saga step failed",
                metadata: [
                    "step": "\(step)", "attempt": "\(work.attempt)", "compensation": "\(work.isCompensation)",
                    "error": "\(message)",
                ])
        }
        return outcome
    }

    private func left(_ departure: SagaMachine.Departure, _ record: SagaRecord) {
        switch departure {
        case .ended:
            coordinator.metrics.ended(record)
            logger.info("the saga ended", metadata: ["phase": "\(record.phase)", "error": "\(record.error ?? "none")"])
        case .stuck:
            logger.error("the saga is stuck", metadata: ["error": "\(record.error ?? "unknown")"])
        case .claimLost:
            logger.warning("another coordinator has the saga")
        case .waiting, .stopped:
            break
        }
    }
}
