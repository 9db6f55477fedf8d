import ApusPrimitives

@testable import shop

/// What the customers of a test were promised.
final class Record: Sendable {
    struct Promise: Sendable {
        let order: String
        let card: TestCard
    }

    private struct State {
        var attempts: [String: Set<String>] = [:]
        var accepted: [String: Promise] = [:]
        var contradictions: [String] = []
        var loggedOut: [String] = []
        var retries = 0
        var answers = 0
        var isFinished = false
        var disturbances = 0
    }

    private let state = Locked(State())

    /// By Idempotency-Key.
    var accepted: [String: Promise] { state.withLock { $0.accepted } }
    var contradictions: [String] { state.withLock { $0.contradictions } }
    /// Access tokens of sessions that have ended.
    var loggedOut: [String] { state.withLock { $0.loggedOut } }
    var retries: Int { state.withLock { $0.retries } }
    /// Requests that were answered so far.
    var answers: Int { state.withLock { $0.answers } }
    var isFinished: Bool { state.withLock { $0.isFinished } }

    /// How often the coordination store began or ceased to be away. While it is, a logout is known to a service only as
    /// far as it has heard of it.
    var disturbances: Int { state.withLock { $0.disturbances } }
    var isStoreAway: Bool { disturbances % 2 == 1 }

    /// The coordination store goes away, or is back.
    func disturb() { state.withLock { $0.disturbances += 1 } }

    func finish() { state.withLock { $0.isFinished = true } }
    func answered() { state.withLock { $0.answers += 1 } }
    func retried() { state.withLock { $0.retries += 1 } }
    func order(of key: String) -> String? { state.withLock { $0.accepted[key]?.order } }

    /// Somebody tries to order under this key.
    func attempt(_ key: String, of email: String) {
        state.withLock { _ = $0.attempts[email, default: []].insert(key) }
    }

    /// How many different keys somebody has tried to order under.
    func attempts(of email: String) -> Int { state.withLock { $0.attempts[email]?.count ?? 0 } }

    /// The shop said that this key has this order.
    func accept(_ key: String, _ id: String, card: TestCard) {
        state.withLock { state in
            if let before = state.accepted[key]?.order, before != id {
                state.contradictions.append("\(key) has the orders \(before) and \(id)")
            }
            state.accepted[key] = Promise(order: id, card: card)
        }
    }

    func logOut(_ token: String) { state.withLock { $0.loggedOut.append(token) } }
    func contradict(_ text: String) { state.withLock { $0.contradictions.append(text) } }
}
