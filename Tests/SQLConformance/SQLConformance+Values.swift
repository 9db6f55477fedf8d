import ApusPrimitives
import ApusSQL

extension SQLConformance {
    static let values: [Check] = [
        Check(name: "texts come back as they went in") { database in
            try await makeTable(database)
            let texts = [
                "", "plain", "O'Brien", "'; DROP TABLE people; --", #"" OR "1" = "1"#, "a\\b", "50% _ * ? $1 :x @y",
                "ünïcödé 🐦", "line\nbreak\ttab\r", "\u{FFFD}\u{10FFFF}\u{1}", String(repeating: "x", count: 100_000),
            ]
            try await database.transaction { connection in
                for (id, text) in texts.enumerated() {
                    try connection.execute("INSERT INTO people (id, name) VALUES (\(id), \(text))")
                }
            }
            let rows = try await database.read { try $0.query("SELECT id, name FROM people ORDER BY id") }
            let found = try rows.map { try $0.decode("name", as: String.self) }
            try expect(found.map { Array($0.utf8) } == texts.map { Array($0.utf8) }, "texts changed: \(found)")
            for text in texts {
                let matches: Int? = try await database.read {
                    try $0.queryValue("SELECT COUNT(*) FROM people WHERE name = \(text)")
                }
                try expect(matches == 1, "\(text) is found \(matches ?? 0) times")
            }
        },
        Check(name: "integers of 64 bits come back exactly") { database in
            try await makeTable(database)
            let numbers: [Int64] = [0, 1, .max, 9_007_199_254_740_993, 4_294_967_296, -0, 127]
            for (index, number) in numbers.enumerated() {
                _ = try await database.transaction {
                    try $0.execute("INSERT INTO people (id, age) VALUES (\(index), \(number))")
                }
            }
            let rows = try await database.read { try $0.query("SELECT age FROM people ORDER BY id") }
            try expect(try rows.map { try $0.decode("age", as: Int64.self) } == numbers, "integers changed")
            let least: Int64? = try await database.transaction { connection in
                try connection.execute("INSERT INTO people (id) VALUES (\(Int64.min))")
                return try connection.queryValue("SELECT MIN(id) FROM people")
            }
            try expect(least == .min, "the least integer became \(least ?? 0)")
        },
        Check(name: "reals come back exactly") { database in
            try await makeTable(database)
            let numbers: [Double] = [
                0.1, -1.5, .pi, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity, -.infinity, 3,
            ]
            try await database.transaction { connection in
                for (id, number) in numbers.enumerated() {
                    try connection.execute("INSERT INTO people (id, height) VALUES (\(id), \(number))")
                }
            }
            let rows = try await database.read { try $0.query("SELECT height FROM people ORDER BY id") }
            try expect(try rows.map { try $0.decode("height", as: Double.self) } == numbers, "reals changed")
        },
        Check(name: "blobs come back as they went in") { database in
            try await makeTable(database)
            let blobs: [[UInt8]] = [[], [0], Array(0...255), [UInt8](repeating: 0xFF, count: 100_000)]
            try await database.transaction { connection in
                for (id, blob) in blobs.enumerated() {
                    try connection.execute("INSERT INTO people (id, photo) VALUES (\(id), \(Bytes(blob)))")
                }
            }
            let rows = try await database.read { try $0.query("SELECT photo FROM people ORDER BY id") }
            try expect(try rows.map { try $0.decode("photo", as: [UInt8].self) } == blobs, "blobs changed")
        },
        Check(name: "nil is NULL, and NULL is no value") { database in
            try await makeTable(database)
            let nobody: String? = nil
            let somebody: String? = "Ada"
            _ = try await database.transaction {
                try $0.execute("INSERT INTO people (id, name, email) VALUES (1, \(nobody), \(somebody))")
            }
            let row = try await database.read { try $0.queryOne("SELECT * FROM people WHERE name IS NULL") }
            try expect(row?["name"] == .null, "nil became \(String(describing: row?["name"]))")
            try expect(try row?.decode("name", as: String?.self) == .some(nil), "NULL is not nil")
            try expect(try row?.decode("email", as: String?.self) == somebody, "an optional with a value changed")
            try await expect(.typeMismatch) { _ = try row?.decode("name", as: String.self) }
            try await expect(.noSuchColumn) { _ = try row?.decode("nome", as: String.self) }
        },
        Check(name: "what cannot be stored is refused before it is") { database in
            try await makeTable(database)
            let refused: [SQLQuery] = [
                "INSERT INTO people (id, height) VALUES (1, \(Double.nan))",
                "INSERT INTO people (id, age) VALUES (1, \(UInt64.max))",
                "INSERT INTO people (id, name) VALUES (1, \("a\0b"))",
                "INSERT INTO people (id, name) VALUES (1, \(SQLValue.text("\0")))",
                "INSERT INTO people (id, height) VALUES (1, \(SQLValue.real(.signalingNaN)))",
            ]
            for query in refused {
                try await expect(.invalidValue) { _ = try await database.transaction { try $0.execute(query) } }
            }
            try expect(try await count(database) == 0, "a refused row is there")
        },
    ]
}
