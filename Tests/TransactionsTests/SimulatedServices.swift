import ApusPrimitives
import ApusTransactions

/// The services that sagas act on: each effect once for each key, as a real service with idempotency keys does, and a
/// judge of every call that reaches them.
final class SimulatedServices: Sendable {
    /// What a step is going to meet, decided once for each saga and step.
    enum Fate: Sendable {
        case works
        /// Answers with an error this many times, after doing it or before.
        case fails(times: Int, afterEffect: Bool)
        case declines
        /// Every attempt fails, after doing it or before.
        case neverAnswers(afterEffect: Bool)
    }

    struct Failure: Error {}

    private struct Service {
        var fate = Fate.works
        var undoFailures = 0
        var calls = 0
        var effects = 0
        var undone = 0
        /// Asked to undo: an action that comes later must have no effect.
        var isBarred = false
    }

    private struct SagaLog {
        var token: Int64 = 0
        var inFlight = 0
        var undoing: [Int] = []
        var furthest = -1
    }

    private struct State {
        var services: [String: Service] = [:]
        var sagas: [String: SagaLog] = [:]
        var violations: [String] = []
        var calls = 0
    }

    private let state = Locked(State())
    let steps: [String]
    let compensable: Set<String>

    init(steps: [String], compensable: Set<String>) {
        self.steps = steps
        self.compensable = compensable
    }

    var violations: [String] { state.withLock { $0.violations } }
    var calls: Int { state.withLock { $0.calls } }

    func decide(_ fate: Fate, undoFailures: Int, saga: String, step: String) {
        state.withLock { $0.services["\(saga)/\(step)"] = Service(fate: fate, undoFailures: undoFailures) }
    }

    func report(_ violation: String) {
        state.withLock { $0.violations.append(violation) }
    }

    func enter(_ context: SagaContext, isCompensation: Bool) {
        state.withLock { state in
            state.calls += 1
            let index = steps.firstIndex(of: context.step) ?? -1
            var log = state.sagas[context.sagaID] ?? SagaLog()
            log.inFlight += 1
            var wrongs: [String] = []
            if log.inFlight > 1 { wrongs.append("two steps at the same time") }
            if context.fencingToken < log.token { wrongs.append("token \(context.fencingToken) after \(log.token)") }
            log.token = max(log.token, context.fencingToken)
            if isCompensation {
                if let last = log.undoing.last, index > last { wrongs.append("compensated out of order") }
                log.undoing.append(index)
            } else {
                if !log.undoing.isEmpty { wrongs.append("acted after a compensation") }
                if index < log.furthest { wrongs.append("acted out of order") }
                if index > log.furthest + 1 { wrongs.append("left a step out") }
                log.furthest = max(log.furthest, index)
            }
            let key = "\(context.sagaID)/\(context.step)\(isCompensation ? "/compensate" : "")"
            if context.idempotencyKey != key { wrongs.append("key \(context.idempotencyKey)") }
            state.sagas[context.sagaID] = log
            state.violations += wrongs.map { "\($0) at \(context)" }
        }
    }

    func leave(_ context: SagaContext) {
        state.withLock { $0.sagas[context.sagaID]?.inFlight -= 1 }
    }

    func act(_ context: SagaContext) throws {
        let failure: (any Error)? = state.withLock { state in
            let key = "\(context.sagaID)/\(context.step)"
            var service = state.services[key] ?? Service()
            service.calls += 1
            defer { state.services[key] = service }
            func take() {
                if service.effects == 0, !service.isBarred { service.effects += 1 }
            }
            switch service.fate {
            case .works: take()
            case .declines: return SagaAbort("declined")
            case .neverAnswers(let afterEffect):
                if afterEffect { take() }
                return Failure()
            case .fails(let times, let afterEffect):
                if service.calls > times || afterEffect { take() }
                if service.calls <= times { return Failure() }
            }
            return nil
        }
        if let failure { throw failure }
    }

    func undo(_ context: SagaContext) throws {
        let failure: (any Error)? = state.withLock { state in
            let key = "\(context.sagaID)/\(context.step)"
            var service = state.services[key] ?? Service()
            defer { state.services[key] = service }
            if !compensable.contains(context.step) { state.violations.append("compensated without a compensation") }
            service.isBarred = true
            if service.effects > service.undone { service.undone += 1 }
            if service.undoFailures > 0 {
                service.undoFailures -= 1
                return Failure()
            }
            return nil
        }
        if let failure { throw failure }
    }

    /// What is wrong at the end with the saga, given what its row says.
    func audit(_ status: SagaStatus) -> [String] {
        state.withLock { state in
            var wrongs: [String] = []
            if !status.phase.isFinal { wrongs.append("\(status.id) never ended: \(status.phase)") }
            for step in status.steps {
                let service = state.services["\(status.id)/\(step.name)"] ?? Service()
                let standing = service.effects - service.undone
                if service.effects > 1 { wrongs.append("\(step.name) took effect \(service.effects) times") }
                switch status.phase {
                case .succeeded:
                    if standing != 1 { wrongs.append("\(step.name) stands \(standing) times in a success") }
                default:
                    if compensable.contains(step.name), standing != 0 { wrongs.append("\(step.name) was not undone") }
                }
                if service.isBarred, step.attempts == 0 { wrongs.append("\(step.name) undone but never begun") }
                if step.phase == .skipped, service.calls > 0 { wrongs.append("\(step.name) skipped but called") }
                if step.phase == .succeeded, standing != 1 { wrongs.append("\(step.name) succeeded without effect") }
            }
            return wrongs.map { "\(status.id): \($0)" }
        }
    }
}
