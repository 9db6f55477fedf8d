import ApusSQL
import Foundation
import SQLConformance
import TestSupport
import Testing

/// Several values and several processes on one file.
@Suite struct SQLiteSharingTests {
    static let table = SQLMigration(
        "1 counter",
        statements: [
            "CREATE TABLE counter (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)",
            "INSERT INTO counter (id, value) VALUES (1, 0)",
        ])

    static func increment(_ database: any SQLDatabase) async throws {
        _ = try await database.transaction { connection in
            let value: Int = try connection.queryValue("SELECT value FROM counter") ?? -1
            try connection.execute("UPDATE counter SET value = \(value + 1)")
        }
    }

    static func value(_ database: any SQLDatabase) async throws -> Int? {
        try await database.read { try $0.queryValue("SELECT value FROM counter") }
    }

    @Test func twoValuesInOneProcessLoseNoIncrement() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("shared.db")
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    let database = try SQLiteDatabase(path: path)
                    defer { database.close() }
                    try await database.migrate([Self.table])
                    for _ in 0..<50 { try await Self.increment(database) }
                }
            }
        }
        let database = try SQLiteDatabase(path: path)
        defer { database.close() }
        #expect(try await Self.value(database) == 200)
    }

    @Test func twoProcessesStartMigrateAndIncrementAtTheSameTime() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("shared.db")
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String] in
                        let database = try SQLiteDatabase(path: path)
                        try await database.migrate([SQLiteSharingTests.table])
                        for _ in 0..<100 { try await SQLiteSharingTests.increment(database) }
                        database.close()
                    }
                }
            }
            let database = try SQLiteDatabase(path: path)
            try await database.migrate([Self.table])
            for _ in 0..<100 { try await Self.increment(database) }
            database.close()
        }
        let database = try SQLiteDatabase(path: path)
        defer { database.close() }
        #expect(try await Self.value(database) == 300)
    }

    @Test func whatWasAcknowledgedSurvivesKill9() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("killed.db")
        for round in 1...5 {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let database = try SQLiteDatabase(path: path)
                try await database.migrate([SQLiteSharingTests.table])
                for _ in 0..<20 { try await SQLiteSharingTests.increment(database) }
                kill(getpid(), SIGKILL)
            }
            let database = try SQLiteDatabase(path: path)
            #expect(try await Self.value(database) == 20 * round)
            database.close()
        }
    }

    @Test func aLockHeldForLongerThanTheTimeoutIsBusyAndWorthARetry() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("busy.db")
        let first = try SQLiteDatabase(path: path)
        defer { first.close() }
        try await first.migrate([Self.table])
        var settings = SQLiteDatabase.Settings()
        settings.busyTimeout = .milliseconds(20)
        let second = try SQLiteDatabase(path: path, settings: settings)
        defer { second.close() }

        let held = DispatchSemaphore(value: 0)
        let release = DispatchSemaphore(value: 0)
        async let holder: Void = first.transaction { _ in
            held.signal()
            release.wait()
        }
        await Task.detached { wait(held) }.value
        let error = await #expect(throws: SQLError.self) { try await Self.increment(second) }
        #expect(error?.code == .busy && error?.retry == .soon)
        #expect(try await Self.value(second) == 0, "a reader does not wait for the writer")
        release.signal()
        try await holder
        try await Self.increment(second)
        #expect(try await Self.value(first) == 1)
    }
}

/// `DispatchSemaphore.wait` may not be called from an async function by that name.
func wait(_ semaphore: DispatchSemaphore) {
    semaphore.wait()
}
