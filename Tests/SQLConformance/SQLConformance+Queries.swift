import ApusSQL

extension SQLConformance {
    static let queries: [Check] = [
        Check(name: "lists bind each of their values, and an empty one matches nothing") { database in
            try await makeTable(database)
            try await database.transaction { connection in
                for id in 1...5 { try connection.execute("INSERT INTO people (id, name) VALUES (\(id), 'x')") }
            }
            let two = try await database.read { try $0.query("SELECT id FROM people WHERE id IN (\(list: [2, 4, 9]))") }
            try expect(two.count == 2, "\(two.count) rows for a list")
            let none = try await database.read { try $0.query("SELECT 1 FROM people WHERE id IN (\(list: [Int]()))") }
            try expect(none.isEmpty, "an empty list matches")
            let all = try await database.read {
                try $0.query("SELECT 1 FROM people WHERE id NOT IN (\(list: [Int]()))")
            }
            try expect(all.count == 5, "an empty list excludes")
        },
        Check(name: "a part of a query keeps its bindings") { database in
            try await makeTable(database)
            let name = "x' OR 1 = 1 --"
            let condition: SQLQuery = "name = \(name) AND age > \(3)"
            let row = try await database.transaction { connection in
                try connection.execute("INSERT INTO people (id, name, age) VALUES (1, \(name), 4)")
                return try connection.queryOne("SELECT id FROM people WHERE \(condition) AND id = \(1)")
            }
            try expect(row != nil, "the row is not found")
        },
        Check(name: "raw takes identifiers only") { database in
            try await makeTable(database)
            let column = "name"
            _ = try await database.read { try $0.query("SELECT \(raw: column) FROM \(raw: "people")") }
            for text in ["name; DROP TABLE people", "", "1name", "na me", "na\"me", "people.", "näme", "a--"] {
                try await expect(.misuse) {
                    _ = try await database.read { try $0.query("SELECT \(raw: text) FROM people") }
                }
            }
        },
        Check(name: "execute counts the rows it changed") { database in
            try await makeTable(database)
            let counts = try await database.transaction { connection in
                [
                    try connection.execute("INSERT INTO people (id) VALUES (1), (2), (3)"),
                    try connection.execute("UPDATE people SET name = 'x' WHERE id > 1"),
                    try connection.execute("UPDATE people SET name = 'y' WHERE id > 10"),
                    try connection.execute("CREATE TABLE other (id BIGINT)"),
                    try connection.execute("INSERT INTO people (id) VALUES (3) ON CONFLICT DO NOTHING"),
                    try connection.execute("DELETE FROM people"),
                ]
            }
            try expect(counts == [3, 2, 0, 0, 0, 3], "counted \(counts)")
        },
        Check(name: "RETURNING yields rows") { database in
            try await makeTable(database)
            let rows = try await database.transaction {
                try $0.query("INSERT INTO people (id, name) VALUES (7, 'x') RETURNING id, name")
            }
            try expect(rows.map(\.values) == [[.integer(7), .text("x")]], "returned \(rows)")
            try expect(try await count(database) == 1, "the row is not there")
        },
        Check(name: "broken statements say so") { database in
            try await makeTable(database)
            try await expect(.invalidStatement) { _ = try await database.read { try $0.query("SELEKT 1") } }
            try await expect(.invalidStatement) {
                _ = try await database.read { try $0.query("SELECT * FROM nowhere") }
            }
            try await expect(.misuse) {
                _ = try await database.transaction { try $0.execute("DELETE FROM pets; DELETE FROM people") }
            }
            try await expect(.misuse) { _ = try await database.read { try $0.query("SELECT '\(1)'") } }
            for text in ["BEGIN", " commit", "/* x */ ROLLBACK", "-- x\nSAVEPOINT a", ";END"] {
                try await expect(.misuse) {
                    _ = try await database.transaction { try $0.execute(SQLQuery(unchecked: text)) }
                }
            }
            try await expect(.misuse) {
                _ = try await database.read { try $0.queryOne("SELECT 1 UNION SELECT 2") }
            }
        },
    ]
}
