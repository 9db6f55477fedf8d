import ApusResilience
import Logging
import ServiceLifecycle

extension AuthService {
    /// Sessions that one turn deletes in one transaction.
    static let purgeBatch = 200

    /// What an instance does beside answering: telling the services of ended sessions, rotating the signing keys, and
    /// deleting what has expired.
    func upkeep(time: TimeSource, logger: Logger) -> [any Service] {
        [
            PeriodicWork(
                name: "publishing revocations", pause: { .seconds(1) }, time: time, logger: logger,
                work: { try await publishRevocations() }),
            PeriodicWork(
                name: "rotating signing keys", pause: { .seconds(30) }, time: time, logger: logger,
                work: { try await signingKeys.maintain() }),
            PeriodicWork(
                name: "deleting expired sessions", pause: { .seconds(60) }, time: time, logger: logger,
                work: { try await purge() }),
        ]
    }

    /// Deletes the sessions that no token can use any more.
    func purge() async throws {
        while try await store.purge(now: clock.milliseconds, limit: Self.purgeBatch) == Self.purgeBatch {
            try Task.checkCancellation()
        }
    }
}
