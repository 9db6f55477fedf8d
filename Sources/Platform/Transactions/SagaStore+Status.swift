import ApusSQL
import Foundation

extension SagaStore {
    func status(of id: String, known: Set<String>, at now: Int64) async throws -> SagaStatus? {
        try await database.read { connection in
            try connection.queryOne("SELECT * FROM apus_sagas WHERE id = \(id)").map {
                try SagaStatus($0, known: known, at: now)
            }
        }
    }

    func recent(limit: Int, known: Set<String>, at now: Int64) async throws -> [SagaStatus] {
        try await database.read { connection in
            try connection.query("SELECT * FROM apus_sagas ORDER BY created_at_ms DESC, id DESC LIMIT \(limit)").map {
                try SagaStatus($0, known: known, at: now)
            }
        }
    }

    /// Sagas that nobody will go on with: stuck, or due and of a name that this coordinator does not know.
    func countStuck(known: [String], at now: Int64) async throws -> Int {
        try await database.read { connection in
            try connection.queryValue(
                """
                SELECT (SELECT COUNT(*) FROM apus_sagas WHERE phase = 'stuck')
                    + (SELECT COUNT(*) FROM apus_sagas WHERE due_at_ms <= \(now) AND name NOT IN (\(list: known)))
                """) ?? 0
        }
    }
}

extension SagaStatus {
    init(_ row: SQLRow, known: Set<String>, at now: Int64) throws {
        let due = try row.decode("due_at_ms", as: Int64.self)
        let stored = SagaPhase(rawValue: try row.decode("phase")) ?? .stuck
        let name = try row.decode("name", as: String.self)
        let isOrphan = !stored.isFinal && stored != .stuck && due <= now && !known.contains(name)
        id = try row.decode("id")
        self.name = name
        phase = isOrphan ? .stuck : stored
        // A damaged row is shown without its steps, rather than hiding the others.
        let records = try? SagaState.decode(Array(row.decode("steps", as: String.self).utf8)) as [SagaStepRecord]
        steps = (records ?? []).map { SagaStepStatus($0) }
        error = isOrphan ? "no saga called \(name) is registered here" : try row.decode("error")
        owner = try row.decode("owner")
        fencingToken = try row.decode("token")
        startedAt = Date(milliseconds: try row.decode("created_at_ms"))
        endedAt = try row.decode("ended_at_ms", as: Int64?.self).map { Date(milliseconds: $0) }
    }
}

extension SagaStepStatus {
    init(_ step: SagaStepRecord) {
        name = step.name
        phase = step.phase
        attempts = step.attempts
        compensationAttempts = step.compensationAttempts
        error = step.error
        startedAt = step.startedAt.map { Date(milliseconds: $0) }
        endedAt = step.endedAt.map { Date(milliseconds: $0) }
        retryAt = step.retryAt.map { Date(milliseconds: $0) }
    }
}

extension Date {
    init(milliseconds: Int64) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
