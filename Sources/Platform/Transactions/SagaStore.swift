import ApusSQL
import Foundation

/// A saga that this run of a coordinator has claimed.
struct ClaimedSaga: Sendable {
    let record: SagaRecord
    let fencingToken: Int64
}

/// The rows of sagas. `due_at_ms` says from when on anybody may claim one: at once, when its next attempt is due, when
/// its claim expires, or never (the largest number) once it has ended or is stuck.
struct SagaStore: Sendable {
    static let never = Int64.max

    let database: any SQLDatabase
    /// The instance, the same after a restart.
    let owner: String
    /// This run of it.
    let run: String

    static let migrations = [
        SQLMigration(
            "1 sagas", group: "apus.transactions",
            statements: [
                """
                CREATE TABLE apus_sagas (
                    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, phase TEXT NOT NULL, stuck_phase TEXT,
                    state TEXT NOT NULL, steps TEXT NOT NULL, error TEXT,
                    owner TEXT, run TEXT, token BIGINT NOT NULL, due_at_ms BIGINT NOT NULL,
                    created_at_ms BIGINT NOT NULL, ended_at_ms BIGINT)
                """,
                "CREATE INDEX apus_sagas_due ON apus_sagas (due_at_ms)",
                "CREATE INDEX apus_sagas_owner ON apus_sagas (owner) WHERE owner IS NOT NULL",
                "CREATE INDEX apus_sagas_created ON apus_sagas (created_at_ms)",
                "CREATE INDEX apus_sagas_ended ON apus_sagas (ended_at_ms) WHERE ended_at_ms IS NOT NULL",
                "CREATE INDEX apus_sagas_stuck ON apus_sagas (name) WHERE phase = 'stuck'",
            ])
    ]

    static func insert(_ record: SagaRecord, in connection: any SQLConnection) throws {
        try connection.execute(
            """
            INSERT INTO apus_sagas (id, name, phase, state, steps, token, due_at_ms, created_at_ms)
            VALUES (\(record.id), \(record.name), \(record.phase.rawValue), \(Self.text(record.state)),
                \(Self.text(SagaState.encode(record.steps))), 0, \(record.createdAt), \(record.createdAt))
            """)
    }

    /// Claims up to `limit` due sagas of these names, apart from those in `excluding`, oldest first.
    ///
    /// - Returns: them, and when the next one will be due, nil when none is waiting.
    func claim(
        _ names: [String], limit: Int, excluding active: Set<String>, at now: Int64, until expiry: Int64
    ) async throws -> (sagas: [ClaimedSaga], nextDue: Int64?) {
        try await database.transaction { connection in
            let due = try connection.query(
                """
                SELECT id FROM apus_sagas WHERE due_at_ms <= \(now) AND name IN (\(list: names))
                ORDER BY due_at_ms LIMIT \(limit + active.count)
                """)
            let ids = try due.map { try $0.decode("id", as: String.self) }.filter { !active.contains($0) }
            let claimed = try ids.prefix(limit).compactMap { try claim($0, until: expiry, in: connection) }
            if ids.count > limit { return (claimed, now) }
            let next: Int64? = try connection.queryValue(
                """
                SELECT due_at_ms FROM apus_sagas
                WHERE due_at_ms > \(now) AND due_at_ms < \(Self.never) AND name IN (\(list: names))
                ORDER BY due_at_ms LIMIT 1
                """)
            return (claimed, next)
        }
    }

    private func claim(_ id: String, until expiry: Int64, in connection: any SQLConnection) throws -> ClaimedSaga? {
        let row = try connection.queryOne(
            """
            UPDATE apus_sagas SET owner = \(owner), run = \(run), token = token + 1, due_at_ms = \(expiry)
            WHERE id = \(id) RETURNING *
            """)
        guard let row else { return nil }
        do {
            return ClaimedSaga(record: try SagaRecord(row), fencingToken: try row.decode("token"))
        } catch {
            // One damaged row must not keep the others from being claimed.
            let message = "the row does not decode: \(SagaState.message(of: error))"
            try connection.execute(
                """
                UPDATE apus_sagas SET phase = 'stuck', error = \(message), owner = NULL, run = NULL,
                    due_at_ms = \(Self.never)
                WHERE id = \(id)
                """)
            return nil
        }
    }

    /// Writes `record` if the claim still holds.
    ///
    /// - Returns: false when another run has claimed the saga since.
    func save(
        _ record: SagaRecord, token: Int64, claim: SagaMachine.Claim, keptUntil expiry: Int64
    ) async throws -> Bool {
        let owner: String?
        let run: String?
        let due: SQLQuery
        switch claim {
        case .kept:
            (owner, run) = (self.owner, self.run)
            // This write may have waited while the claims were renewed: it must not take that back.
            due = "CASE WHEN due_at_ms > \(expiry) THEN due_at_ms ELSE \(expiry) END"
        case .released(let time):
            (owner, run) = (nil, nil)
            due = "\(time)"
        }
        let query: SQLQuery = try """
        UPDATE apus_sagas SET phase = \(record.phase.rawValue), stuck_phase = \(record.stuckPhase?.rawValue),
            state = \(Self.text(record.state)), steps = \(Self.text(SagaState.encode(record.steps))),
            error = \(record.error), ended_at_ms = \(record.endedAt),
            owner = \(owner), run = \(run), due_at_ms = \(due)
        WHERE id = \(record.id) AND token = \(token) AND run = \(self.run)
        """
        return try await database.transaction { try $0.execute(query) == 1 }
    }

    /// Puts off the expiry of every claim of this run.
    func renew(until expiry: Int64) async throws {
        _ = try await database.transaction { connection in
            try connection.execute(
                "UPDATE apus_sagas SET due_at_ms = \(expiry) WHERE owner = \(owner) AND run = \(run)")
        }
    }

    /// Gives up the claims of this run, so that another may go on at once.
    func release(at now: Int64) async throws {
        _ = try await database.transaction { connection in
            try connection.execute(
                """
                UPDATE apus_sagas SET owner = NULL, run = NULL, due_at_ms = \(now)
                WHERE owner = \(owner) AND run = \(run)
                """)
        }
    }

    /// To be called while this run works on nothing: takes away the claims of this owner, of this run and of earlier ones,
    /// which are gone, and gives stuck sagas another chance.
    ///
    /// - Returns: how many claims and how many stuck sagas that were.
    func takeOver(_ names: [String], at now: Int64) async throws -> (claims: Int, stuck: Int) {
        try await database.transaction { connection in
            let claims = try connection.execute(
                """
                UPDATE apus_sagas SET owner = NULL, run = NULL, due_at_ms = \(now)
                WHERE owner = \(owner)
                """)
            let stuck = try connection.execute(
                """
                UPDATE apus_sagas SET phase = stuck_phase, stuck_phase = NULL, error = NULL, due_at_ms = \(now)
                WHERE phase = 'stuck' AND stuck_phase IS NOT NULL AND name IN (\(list: names))
                """)
            return (claims, stuck)
        }
    }

    /// Deletes up to `limit` sagas that ended before `time`.
    func purge(endedBefore time: Int64, limit: Int) async throws -> Int {
        try await database.transaction { connection in
            try connection.execute(
                """
                DELETE FROM apus_sagas WHERE id IN (
                    SELECT id FROM apus_sagas WHERE ended_at_ms < \(time) ORDER BY ended_at_ms LIMIT \(limit))
                """)
        }
    }

    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension SagaRecord {
    init(_ row: SQLRow) throws {
        id = try row.decode("id")
        name = try row.decode("name")
        phase = try Self.phase(row.decode("phase"))
        stuckPhase = try row.decode("stuck_phase", as: String?.self).map(Self.phase)
        state = Array(try row.decode("state", as: String.self).utf8)
        steps = try SagaState.decode(Array(try row.decode("steps", as: String.self).utf8))
        error = try row.decode("error")
        createdAt = try row.decode("created_at_ms")
        endedAt = try row.decode("ended_at_ms")
    }

    private static func phase(_ text: String) throws -> SagaPhase {
        guard let phase = SagaPhase(rawValue: text) else {
            throw SQLError(.typeMismatch, "a saga's phase is \(text), which this version does not know")
        }
        return phase
    }
}
