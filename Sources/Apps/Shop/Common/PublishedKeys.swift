import ApusPrimitives
import ApusResilience
import Crypto

/// The keys that the auth service publishes, kept as long as they are fresh and asked for again when one is missing.
final class PublishedKeys: Sendable {
    struct Limits: Sendable {
        /// Keys older than this are asked for again, while the old ones serve; at twice the age callers wait for the answer.
        var maxAge = Duration.seconds(300)
        /// The least time between two questions: tokens with made-up key identifiers cost no more than this.
        var minInterval = Duration.seconds(5)
        /// Between two questions as long as none was ever answered.
        var minIntervalBeforeFirst = Duration.milliseconds(200)
        /// How long a question may take.
        var timeout = Duration.seconds(3)
    }

    /// The auth service has never answered yet.
    struct Unavailable: Error {
        let cause: (any Error)?
    }

    private typealias Fetch = Task<Void, Never>

    private struct State {
        var keys: [String: P256.Signing.PublicKey]?
        var fetchedAt = MonotonicTime.zero
        var askedAt: MonotonicTime?
        var running: Fetch?
        var lastError: (any Error)?
    }

    private let state = Locked(State())
    private let limits: Limits
    private let time: TimeSource
    private let ask: @Sendable () async throws -> JSONWebKeySet

    /// - Parameter ask: gets the set from the auth service.
    init(
        limits: Limits = Limits(), time: TimeSource = .continuous,
        ask: @escaping @Sendable () async throws -> JSONWebKeySet
    ) {
        self.limits = limits
        self.time = time
        self.ask = ask
    }

    /// The key called `keyID`; nil when the auth service does not publish it.
    ///
    /// - Throws: `Unavailable`.
    func key(_ keyID: String) async throws -> P256.Signing.PublicKey? {
        let (known, age) = lookUp(keyID)
        if let known, age < limits.maxAge { return known }
        let answer = refresh()
        if let known, age < limits.maxAge * 2 { return known }
        await answer?.value
        let keys = state.withLock { $0.keys }
        guard let keys else { throw Unavailable(cause: state.withLock { $0.lastError }) }
        return keys[keyID]
    }

    private func lookUp(_ keyID: String) -> (P256.Signing.PublicKey?, age: Duration) {
        let now = time.now()
        return state.withLock { ($0.keys?[keyID], now - $0.fetchedAt) }
    }

    /// Asks once for everybody who needs an answer at the moment; nil when somebody asked only a moment ago. Whatever
    /// happens, the last good set stays until there is a new one.
    private func refresh() -> Fetch? {
        let now = time.now()
        return state.withLock { state in
            if let running = state.running { return running }
            let interval = state.keys == nil ? limits.minIntervalBeforeFirst : limits.minInterval
            if let askedAt = state.askedAt, now - askedAt < interval { return nil }
            state.askedAt = now
            // Unstructured on purpose: the answer is for all who wait, so the first one's cancellation must not end it.
            let task = Fetch.detached { await self.fetch() }
            state.running = task
            return task
        }
    }

    private func fetch() async {
        let result: Result<JSONWebKeySet, any Error>
        do {
            let ask = self.ask
            result = .success(
                try await Deadline(after: limits.timeout, from: time.now()).run(on: time) { try await ask() })
        } catch {
            result = .failure(error)
        }
        let now = time.now()
        state.withLock { state in
            state.running = nil
            switch result {
            case .success(let set):
                let keys = set.keys.prefix(JSONWebKeySet.maxKeys).compactMap { key in
                    key.publicKey.map { (key.keyID, $0) }
                }
                state.keys = Dictionary(keys, uniquingKeysWith: { first, _ in first })
                state.fetchedAt = now
                state.lastError = nil
            case .failure(let error):
                state.lastError = error
            }
        }
    }
}
