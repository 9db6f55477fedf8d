import ApusSQL
import SQLConformance
import TestSupport
import Testing

@Suite struct SQLiteConformanceTests {
    @Test(arguments: SQLConformance.checks)
    func file(_ check: SQLConformance.Check) async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.file("test.db"))
        defer { database.close() }
        try await check.body(database)
    }

    @Test(arguments: SQLConformance.checks)
    func memory(_ check: SQLConformance.Check) async throws {
        let database = try SQLiteDatabase.inMemory()
        defer { database.close() }
        try await check.body(database)
    }
}
