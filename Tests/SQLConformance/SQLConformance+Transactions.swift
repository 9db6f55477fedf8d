import ApusSQL

extension SQLConformance {
    struct Refused: Error {}

    static let transactions: [Check] = [
        Check(name: "a body that throws leaves nothing, and its error comes out") { database in
            try await makeTable(database)
            do {
                try await database.transaction { connection in
                    try connection.execute("INSERT INTO people (id) VALUES (1)")
                    throw Refused()
                }
                try expect(false, "no error")
            } catch is Refused {}
            try expect(try await count(database) == 0, "the row stayed")
        },
        Check(name: "constraints are told apart") { database in
            try await makeTable(database)
            _ = try await database.transaction { try $0.execute("INSERT INTO people (id, email) VALUES (1, 'a')") }
            let cases: [(SQLError.Code, SQLQuery)] = [
                (.uniqueViolation, "INSERT INTO people (id) VALUES (1)"),
                (.uniqueViolation, "INSERT INTO people (id, email) VALUES (2, 'a')"),
                (.checkViolation, "INSERT INTO people (id, age) VALUES (2, -1)"),
                (.foreignKeyViolation, "INSERT INTO pets (id, owner) VALUES (1, 99)"),
                (.notNullViolation, "INSERT INTO pets (id, owner) VALUES (1, NULL)"),
            ]
            for (code, query) in cases {
                try await expect(code) { _ = try await database.transaction { try $0.execute(query) } }
            }
            try expect(try await count(database) == 1, "a refused row is there")
        },
        Check(name: "after a failed statement the transaction can only end") { database in
            try await makeTable(database)
            try await expect(.transactionFailed) {
                _ = try await database.transaction { connection in
                    try connection.execute("INSERT INTO people (id) VALUES (1)")
                    do { try connection.execute("INSERT INTO people (id) VALUES (1)") } catch {}
                    try connection.execute("INSERT INTO people (id) VALUES (2)")
                }
            }
            try await expect(.uniqueViolation) {
                _ = try await database.transaction { connection in
                    try connection.execute("INSERT INTO people (id) VALUES (1)")
                    do { try connection.execute("INSERT INTO people (id) VALUES (1)") } catch {}
                }
            }
            try expect(try await count(database) == 0, "half a transaction was committed")
        },
        Check(name: "read cannot write") { database in
            try await makeTable(database)
            try await expect(.readOnly) {
                _ = try await database.read { try $0.execute("INSERT INTO people (id) VALUES (1)") }
            }
            try expect(try await count(database) == 0, "read wrote")
        },
        Check(name: "concurrent increments are all counted") { database in
            try await makeTable(database)
            _ = try await database.transaction { try $0.execute("INSERT INTO people (id, age) VALUES (1, 0)") }
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<200 {
                    group.addTask { try await increment(database) }
                }
            }
            let age: Int? = try await database.read { try $0.queryValue("SELECT age FROM people") }
            try expect(age == 200, "\(age ?? -1) of 200 increments")
        },
        Check(name: "a failing transaction does not touch those beside it") { database in
            try await makeTable(database)
            try await withThrowingDiscardingTaskGroup { group in
                for id in 0..<200 {
                    group.addTask {
                        do {
                            try await database.transaction { connection in
                                try connection.execute("INSERT INTO people (id) VALUES (\(id))")
                                if id % 3 == 0 { throw Refused() }
                                if id % 3 == 1 { try connection.execute("INSERT INTO people (id) VALUES (\(id))") }
                            }
                        } catch is Refused where id % 3 == 0 {
                        } catch let error as SQLError where id % 3 == 1 && error.code == .uniqueViolation {}
                    }
                }
            }
            let ids = try await database.read {
                try $0.query("SELECT id FROM people ORDER BY id").map { try $0.decode("id", as: Int.self) }
            }
            try expect(ids == (0..<200).filter { $0 % 3 == 2 }, "left \(ids)")
        },
        Check(name: "a read sees one state, whatever is written meanwhile") { database in
            try await makeTable(database)
            _ = try await database.transaction { try $0.execute("INSERT INTO people (id, age) VALUES (1, 0), (2, 0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<100 {
                        _ = try await database.transaction { try $0.execute("UPDATE people SET age = age + 1") }
                    }
                }
                for _ in 0..<100 {
                    let (first, second) = try await database.read { connection in
                        let first: Int? = try connection.queryValue("SELECT age FROM people WHERE id = 1")
                        let second: Int? = try connection.queryValue("SELECT age FROM people WHERE id = 2")
                        return (first, second)
                    }
                    try expect(first == second, "\(first ?? -1) and \(second ?? -1) in one read")
                }
                try await group.waitForAll()
            }
        },
        Check(name: "a caller cancelled before its turn gets CancellationError and changes nothing") { database in
            try await makeTable(database)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await database.transaction { try $0.execute("INSERT INTO people (id) VALUES (1)") }
            }
            do {
                try await task.value
                try expect(false, "no error")
            } catch is CancellationError {}
            try expect(try await count(database) == 0, "a cancelled transaction was committed")
        },
    ]

    static func increment(_ database: any SQLDatabase) async throws {
        _ = try await database.transaction { connection in
            let age: Int = try connection.queryValue("SELECT age FROM people WHERE id = 1") ?? 0
            try connection.execute("UPDATE people SET age = \(age + 1) WHERE id = 1")
        }
    }
}
