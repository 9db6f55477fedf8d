/// One value of a row or of a parameter.
public enum SQLValue: Hashable, Sendable {
    case null
    case integer(Int64)
    /// Any number but NaN, which databases do not agree about.
    case real(Double)
    /// Any text without U+0000, which databases do not agree about either.
    case text(String)
    case blob([UInt8])

    var typeName: String {
        switch self {
        case .null: "NULL"
        case .integer: "an integer"
        case .real: "a real"
        case .text: "a text"
        case .blob: "a blob"
        }
    }

    /// Throws for a value that the engines would store differently, or not at all.
    func validate() throws(SQLError) {
        switch self {
        case .real(let number) where number.isNaN:
            throw SQLError(.invalidValue, "NaN cannot be stored")
        case .text(let text) where text.utf8.contains(0):
            throw SQLError(.invalidValue, "a text with the character U+0000 cannot be stored; use a blob")
        default:
            break
        }
    }
}

/// What can stand in an interpolation of an `SQLQuery`.
public protocol SQLBindable {
    /// - Throws: `SQLError.Code.invalidValue` for what no column can hold.
    func sqlValue() throws(SQLError) -> SQLValue
}

/// What can be read from a column.
public protocol SQLDecodable {
    /// Nil when `value` is of another type, or out of range.
    static func decode(_ value: SQLValue) -> Self?
}

extension SQLValue: SQLBindable, SQLDecodable {
    public func sqlValue() -> SQLValue { self }
    public static func decode(_ value: SQLValue) -> SQLValue? { value }
}
