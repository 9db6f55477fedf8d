/// One row of a result.
public struct SQLRow: Sendable, Hashable {
    /// The names of the columns, shared by all rows of a result.
    public let columns: [String]
    public let values: [SQLValue]

    public init(columns: [String], values: [SQLValue]) {
        precondition(columns.count == values.count, "a row has one value for each column")
        self.columns = columns
        self.values = values
    }

    /// The value of the first column called `column`; nil when there is none. The case counts.
    public subscript(column: String) -> SQLValue? {
        columns.firstIndex(of: column).map { values[$0] }
    }

    /// - Throws: `SQLError`: `noSuchColumn`, or `typeMismatch` when the value is no `T`. Only an optional takes NULL.
    public func decode<T: SQLDecodable>(_ column: String, as type: T.Type = T.self) throws(SQLError) -> T {
        guard let index = columns.firstIndex(of: column) else {
            throw SQLError(.noSuchColumn, "no column \(column) among \(columns.joined(separator: ", "))")
        }
        return try decode(at: index)
    }

    /// The value of the column at `index`, from 0, in the order of the query.
    public func decode<T: SQLDecodable>(at index: Int, as type: T.Type = T.self) throws(SQLError) -> T {
        guard values.indices.contains(index) else {
            throw SQLError(.noSuchColumn, "no column \(index) among \(values.count)")
        }
        guard let value = T.decode(values[index]) else {
            throw SQLError(.typeMismatch, "column \(columns[index]) holds \(values[index].typeName), not a \(T.self)")
        }
        return value
    }
}
