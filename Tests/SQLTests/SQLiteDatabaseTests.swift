import ApusSQL
import Foundation
import SQLConformance
import TestSupport
import Testing

@Suite struct SQLiteDatabaseTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func makeDatabase(_ change: (inout SQLiteDatabase.Settings) -> Void = { _ in }) async throws
        -> SQLiteDatabase
    {
        var settings = SQLiteDatabase.Settings()
        change(&settings)
        let database = try SQLiteDatabase(path: directory.file("test.db"), settings: settings)
        _ = try await database.transaction { try $0.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT)") }
        return database
    }

    private func count(_ database: SQLiteDatabase) async throws -> Int? {
        try await database.read { try $0.queryValue("SELECT COUNT(*) FROM t") }
    }

    @Test func writesAheadFlushesEveryCommitAndChecksForeignKeys() async throws {
        let database = try await makeDatabase()
        let found = try await database.transaction { connection in
            [
                try connection.queryValue("PRAGMA journal_mode", as: SQLValue.self),
                try connection.queryValue("PRAGMA synchronous", as: SQLValue.self),
                try connection.queryValue("PRAGMA foreign_keys", as: SQLValue.self),
            ]
        }
        #expect(found == [.text("wal"), .integer(2), .integer(1)])
    }

    @Test func aCancelledWaiterLeavesAtOnceAndChangesNothing() async throws {
        let database = try await makeDatabase()
        let held = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        async let holder: Void = database.transaction { _ in
            held.signal()
            release.wait()
        }
        await Task.detached { wait(held) }.value
        let waiting = Task {
            _ = try await database.transaction { try $0.execute("INSERT INTO t (id) VALUES (1)") }
        }
        waiting.cancel()
        // Comes back although the writer is still held.
        await #expect(throws: CancellationError.self) { try await waiting.value }
        release.signal()
        try await holder
        #expect(try await count(database) == 0)
    }

    @Test func cancellationDuringABodyDoesNotHideItsOutcome() async throws {
        let database = try await makeDatabase()
        let begun = DispatchSemaphore(value: 0)
        let goOn = DispatchSemaphore(value: 0)
        let task = Task {
            try await database.transaction { connection in
                begun.signal()
                goOn.wait()
                return try connection.execute("INSERT INTO t (id) VALUES (1)")
            }
        }
        await Task.detached { wait(begun) }.value
        task.cancel()
        goOn.signal()
        #expect(try await task.value == 1)
        #expect(try await count(database) == 1)
    }

    @Test func bodiesDoNotOccupyTheCooperativePool() async throws {
        let readers = ProcessInfo.processInfo.activeProcessorCount * 2
        let database = try await makeDatabase { $0.maxReaders = readers }
        let release = DispatchSemaphore(value: 0)
        let begun = DispatchSemaphore(value: 0)
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<readers {
                group.addTask {
                    try await database.read { _ in
                        begun.signal()
                        release.wait()
                    }
                }
            }
            // With every thread of the pool blocked, this would never run.
            for _ in 0..<readers { try await eventually { begun.wait(timeout: .now()) == .success } }
            for _ in 0..<readers { release.signal() }
        }
    }

    @Test func aDeferredViolationAtTheSharedCommitFailsOnlyItsOwnTransaction() async throws {
        let database = try await makeDatabase()
        _ = try await database.transaction {
            try $0.execute(
                "CREATE TABLE child (id BIGINT, parent BIGINT REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
        }
        let held = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        async let holder: Void = database.transaction { _ in
            held.signal()
            release.wait()
        }
        await Task.detached { wait(held) }.value
        // These wait together and so share a commit, which the violation in the middle makes fail.
        let results = try await withThrowingTaskGroup(of: (Int, SQLError.Code?).self) { group in
            for id in 0..<9 {
                group.addTask {
                    do {
                        try await database.transaction { connection in
                            try connection.execute("INSERT INTO t (id) VALUES (\(id))")
                            if id == 4 { try connection.execute("INSERT INTO child (id, parent) VALUES (1, 99)") }
                        }
                        return (id, nil)
                    } catch let error as SQLError {
                        return (id, error.code)
                    }
                }
            }
            release.signal()
            return try await group.reduce(into: [Int: SQLError.Code?]()) { $0[$1.0] = $1.1 }
        }
        try await holder
        for id in 0..<9 { #expect(results[id] == (id == 4 ? .foreignKeyViolation : .some(nil))) }
        #expect(try await count(database) == 8)
    }

    @Test func moreWaitersThanTheBoundAreOverloaded() async throws {
        let database = try await makeDatabase { $0.maxWaiting = 3 }
        let held = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        async let holder: Void = database.transaction { _ in
            held.signal()
            release.wait()
        }
        await Task.detached { wait(held) }.value
        let outcomes = try await withThrowingTaskGroup(of: SQLError.Code?.self) { group in
            for id in 0..<5 {
                group.addTask {
                    do {
                        _ = try await database.transaction { try $0.execute("INSERT INTO t (id) VALUES (\(id))") }
                        return nil
                    } catch let error as SQLError {
                        return error.code
                    }
                }
            }
            var refused: [SQLError.Code?] = []
            for _ in 0..<2 { if let outcome = try await group.next() { refused.append(outcome) } }
            release.signal()
            return try await group.reduce(into: refused) { $0.append($1) }
        }
        try await holder
        #expect(outcomes == [.overloaded, .overloaded, nil, nil, nil])
        #expect(try await count(database) == 3)
    }

    @Test func readsThatWereCancelledCountUntilTheirTurn() async throws {
        let database = try await makeDatabase {
            $0.maxReaders = 1
            $0.maxWaiting = 4
        }
        let held = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        async let holder: Void = database.read { _ in
            held.signal()
            release.wait()
        }
        await Task.detached { wait(held) }.value
        // The engine holds on to each of these until the reader is free: their number must have a bound.
        try await eventually {
            let task = Task { try await database.read { _ in } }
            await Task.yield()
            task.cancel()
            do {
                try await task.value
            } catch let error as SQLError {
                return error.code == .overloaded
            } catch {}
            return false
        }
        release.signal()
        try await holder
        try await eventually { (try? await database.read { _ in true }) == true }
    }

    @Test func closingRefusesWhatWaitsAndWhatComes() async throws {
        let database = try await makeDatabase()
        database.close()
        database.close()
        for body in [{ _ = try await database.transaction { _ in 1 } }, { _ = try await database.read { _ in 1 } }] {
            let error = await #expect(throws: SQLError.self) { try await body() }
            #expect(error?.code == .closed && error?.retry == .never)
        }
    }

    @Test func aConnectionIsUselessAfterItsBody() async throws {
        // Safe: the test shows that the connection refuses to be used.
        struct Leak: @unchecked Sendable { let connection: any SQLConnection }
        let database = try await makeDatabase()
        let leak = try await database.transaction { Leak(connection: $0) }
        let error = #expect(throws: SQLError.self) { try leak.connection.execute("DELETE FROM t") }
        #expect(error?.code == .misuse)
    }

    @Test func aFileThatIsNoDatabaseAndAFolderThatIsNotThereSaySo() async throws {
        try Data(repeating: 0x78, count: 5_000).write(to: directory.url.appending(path: "text.db"))
        let text = #expect(throws: SQLError.self) { try SQLiteDatabase(path: directory.file("text.db")) }
        #expect(text?.code == .notADatabase)
        let nowhere = #expect(throws: SQLError.self) { try SQLiteDatabase(path: directory.file("no/where.db")) }
        #expect(nowhere?.code == .cannotOpen && nowhere?.retry == .afterRepair)
    }

    @Test func aFullDatabaseSaysSoAndGoesOnWhenThereIsRoom() async throws {
        let database = try await makeDatabase()
        let big = String(repeating: "x", count: 500_000)
        _ = try await database.transaction { try $0.query("PRAGMA max_page_count = 50") }
        let error = await #expect(throws: SQLError.self) {
            try await database.transaction { try $0.execute("INSERT INTO t (id, v) VALUES (1, \(big))") }
        }
        #expect(error?.code == .full && error?.retry == .afterRepair)
        _ = try await database.transaction { try $0.query("PRAGMA max_page_count = 5000") }
        _ = try await database.transaction { try $0.execute("INSERT INTO t (id, v) VALUES (1, \(big))") }
        #expect(try await count(database) == 1)
    }

    @Test func aBrokenPageIsCorrupt() async throws {
        let database = try await makeDatabase()
        _ = try await database.transaction { connection in
            for id in 0..<2_000 { try connection.execute("INSERT INTO t (id, v) VALUES (\(id), 'some text')") }
        }
        database.close()
        let file = try FileHandle(forUpdating: URL(filePath: directory.file("test.db")))
        try file.seek(toOffset: 4_096)
        try file.write(contentsOf: Data(repeating: 0xEE, count: 20_000))
        try file.close()
        let broken = try SQLiteDatabase(path: directory.file("test.db"))
        defer { broken.close() }
        let error = await #expect(throws: SQLError.self) { try await broken.read { try $0.query("SELECT * FROM t") } }
        #expect(error?.code == .corrupt)
    }

    @Test func errorsNameTheStatementButNoValue() async throws {
        let database = try await makeDatabase()
        let secret = "hunter2"
        let error = await #expect(throws: SQLError.self) {
            try await database.transaction { connection in
                try connection.execute("INSERT INTO t (id, v) VALUES (1, \(secret))")
                try connection.execute("INSERT INTO t (id, v) VALUES (1, \(secret))")
            }
        }
        let text = try #require(error.map { "\($0)" })
        #expect(text.contains("INSERT INTO t (id, v) VALUES (1, ?)") && text.contains("t.id"))
        #expect(!text.contains(secret))
    }

    @Test func aBackupIsACompleteDatabase() async throws {
        let database = try await makeDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 0..<100 {
                group.addTask {
                    _ = try await database.transaction { try $0.execute("INSERT INTO t (id, v) VALUES (\(id), 'x')") }
                }
            }
            try await group.waitForAll()
        }
        try await database.backup(to: directory.file("copy.db"))
        _ = try await database.transaction { try $0.execute("DELETE FROM t") }
        let copy = try SQLiteDatabase(path: directory.file("copy.db"))
        defer { copy.close() }
        #expect(try await count(copy) == 100)
        let error = await #expect(throws: SQLError.self) { try await database.backup(to: directory.file("copy.db")) }
        #expect(error?.code == .misuse)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).allSatisfy { !$0.hasSuffix("partial") })
    }
}
