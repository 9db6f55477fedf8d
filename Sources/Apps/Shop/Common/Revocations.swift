import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusResilience
import Logging
import ServiceLifecycle

/// Sessions that have been ended while access tokens of theirs have not expired.
///
/// Each is a key in the coordination store, under a lease of the tokens' remaining life. Every check reads its key there,
/// so a logout holds at every service from the moment it is answered. When the store is away, the set that was last
/// seen through the watch decides: a token lives for minutes, so what it may miss is bounded by that.
final class Revocations: Service, Sendable {
    /// The most sessions that are remembered for the time without a store; with more, that time refuses everybody.
    static let maxRemembered = 200_000
    static let keyPrefix: Bytes = "shop/revoked/"
    /// How long a check waits for the store.
    static let readTimeout = Duration.milliseconds(500)

    /// The store is away, and has not been seen yet.
    struct Unavailable: Error {
        let cause: any Error
    }

    private struct State {
        var sessions: Set<String> = []
        var isComplete = false
    }

    private let state = Locked(State())
    private let store: any CoordinationStore
    private let time: TimeSource
    private let logger: Logger

    init(store: any CoordinationStore, time: TimeSource = .continuous, logger: Logger) {
        self.store = store
        self.time = time
        self.logger = logger
    }

    /// - Throws: `Unavailable`, `CancellationError`.
    func contains(sessionID: String) async throws -> Bool {
        let key = Self.key(sessionID)
        let store = self.store
        do {
            return try await Deadline(after: Self.readTimeout, from: time.now()).run(on: time) {
                try await store.get(key) != nil
            }
        } catch {
            try Task.checkCancellation()
            let remembered = state.withLock { $0.isComplete ? $0.sessions.contains(sessionID) : nil }
            guard let remembered else { throw Unavailable(cause: error) }
            return remembered
        }
    }

    /// Whether the session is in the set that decides while the store is away.
    func remembers(_ sessionID: String) -> Bool {
        state.withLock { $0.sessions.contains(sessionID) }
    }

    /// Refuses the access tokens of a session at every service, from the return of this call on.
    ///
    /// - Parameter seconds: how long the last of them would live.
    static func publish(sessionID: String, seconds: Int64, to store: any CoordinationStore) async throws {
        let lease = try await store.grantLease(ttlSeconds: max(1, seconds))
        try await store.put(key(sessionID), Bytes("revoked"), lease: lease.id)
    }

    static func key(_ sessionID: String) -> Bytes {
        keyPrefix + Bytes(sessionID)
    }

    /// Keeps the remembered set up to date until the task is cancelled.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            let pauses = RetryPolicy(
                maxAttempts: .max, baseDelay: .milliseconds(50), maxDelay: .seconds(3), jitter: .decorrelated)
            var random = SystemRandomNumberGenerator()
            var pause = Duration.zero
            var failures = 0
            var last = Revision.zero
            while !Task.isCancelled {
                do {
                    try await follow(from: &last, failures: &failures)
                } catch {
                    guard !Task.isCancelled else { return }
                    logger.debug("the revoked sessions cannot be followed", metadata: ["error": "\(error)"])
                }
                failures += 1
                pause = pauses.delay(afterAttempt: failures, previous: pause, using: &random)
                try? await time.sleep(for: pause)
            }
        }
    }

    private func follow(from last: inout Revision, failures: inout Int) async throws {
        let list = try await store.list(prefix: Self.keyPrefix)
        let listed = list.kvs.map { Self.sessionID($0.key) }
        // A store that went back has lost data; what it has forgotten stays refused here.
        let lostHistory = list.revision < last
        state.withLock { state in
            state.sessions = lostHistory ? state.sessions.union(listed) : Set(listed)
            state.isComplete = state.sessions.count <= Self.maxRemembered
        }
        last = list.revision
        let watch = try await store.watch(.prefix(Self.keyPrefix), from: list.revision.next)
        for try await batch in watch {
            failures = 0
            apply(batch.events)
            last = batch.revision
        }
    }

    private func apply(_ events: [Event]) {
        state.withLock { state in
            for event in events {
                let sessionID = Self.sessionID(event.kv.key)
                switch event.kind {
                case .put where state.sessions.count < Self.maxRemembered: state.sessions.insert(sessionID)
                case .put: state.isComplete = false
                case .delete: state.sessions.remove(sessionID)
                }
            }
        }
    }

    private static func sessionID(_ key: Bytes) -> String {
        String(decoding: key.array.dropFirst(keyPrefix.count), as: UTF8.self)
    }
}
