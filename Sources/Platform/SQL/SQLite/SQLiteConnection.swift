import Foundation
import GRDB

/// The connection handed to one body; useless once the body ended.
final class SQLiteConnection: SQLConnection {
    private var database: Database?
    /// What the first failed statement threw: a body that swallowed it is rolled back all the same.
    private(set) var failure: SQLError?

    init(_ database: Database) {
        self.database = database
    }

    func end() {
        database = nil
    }

    func query(_ query: SQLQuery) throws -> [SQLRow] {
        try run(query) { statement, arguments, _ in
            let columns = statement.columnNames
            var rows: [SQLRow] = []
            let cursor = try Row.fetchCursor(statement, arguments: arguments)
            while let row = try cursor.next() {
                let values = columns.indices.map { SQLValue(row[$0] as DatabaseValue) }
                rows.append(SQLRow(columns: columns, values: values))
            }
            return rows
        }
    }

    func execute(_ query: SQLQuery) throws -> Int {
        try run(query) { statement, arguments, database in
            try statement.execute(arguments: arguments)
            // SQLite leaves the count of the statement before it when nothing can have changed.
            if statement.isReadonly || query.firstWord.isSchemaChange { return 0 }
            return database.changesCount
        }
    }

    private func run<T>(_ query: SQLQuery, _ body: (Statement, StatementArguments, Database) throws -> T) throws -> T {
        guard let database else { throw SQLError(.misuse, "the connection was used after its transaction ended") }
        guard failure == nil else {
            throw SQLError(.transactionFailed, "an earlier statement of this transaction failed", sql: query.sql)
        }
        try query.validate()
        if query.firstWord.isTransactionControl {
            throw SQLError(.misuse, "transactions begin and end by themselves", sql: query.sql)
        }
        do {
            // Only texts written down in the program are kept prepared, so their number is bounded.
            let statement =
                try query.isReusable
                ? database.cachedStatement(sql: query.sql) : database.makeStatement(sql: query.sql)
            let arguments = StatementArguments(query.bindings.map(\.databaseValue))
            return try body(statement, arguments, database)
        } catch let error as DatabaseError {
            let error = SQLError(sqlite: error, sql: query.sql)
            failure = error
            throw error
        }
    }
}

extension SQLValue {
    init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .integer(number)
        case .double(let number): self = .real(number)
        case .string(let text): self = .text(text)
        case .blob(let data): self = .blob([UInt8](data))
        }
    }

    var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .real(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .blob(let bytes): Data(bytes).databaseValue
        }
    }
}

/// The keyword that a statement begins with.
private struct FirstWord {
    let word: String

    /// These would take the transaction away from whoever commits it.
    var isTransactionControl: Bool {
        switch word {
        case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM": true
        default: false
        }
    }

    var isSchemaChange: Bool { word == "CREATE" || word == "DROP" || word == "ALTER" }
}

extension SQLQuery {
    fileprivate var firstWord: FirstWord {
        var rest = sql[...]
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == ";" }
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                guard let end = rest.firstRange(of: "*/") else { break }
                rest = rest[end.upperBound...]
            } else {
                break
            }
        }
        return FirstWord(word: rest.prefix { $0.isLetter }.uppercased())
    }
}
