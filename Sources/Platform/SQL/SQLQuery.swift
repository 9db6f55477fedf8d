/// A statement and the values that belong to it, which never become part of its text.
///
/// ```swift
/// "SELECT total FROM orders WHERE id = \(id) AND status IN (\(list: open))"
/// ```
///
/// Whatever is interpolated is bound as a parameter. Only `\(raw:)`, for the name of a table or column, enters the
/// text, and refuses anything but a plain identifier. One query is one statement.
public struct SQLQuery: Sendable {
    /// The text between the placeholders: always one more than there are bindings.
    private var fragments: [String]
    public private(set) var bindings: [SQLValue]
    /// Why this query cannot run; thrown when it is.
    private(set) var failure: SQLError?
    /// Whether the text is one of those the program has written down, so that a prepared statement may be kept.
    private(set) var isReusable: Bool

    /// A statement whose text was made at run time. Never put a value of a user into `sql`.
    ///
    /// - Parameter sql: with one `?` for each binding, and no other question mark.
    public init(unchecked sql: String, bindings: [SQLValue] = []) {
        let parts = sql.split(separator: "?", omittingEmptySubsequences: false).map(String.init)
        if parts.count == bindings.count + 1 {
            fragments = parts
            failure = nil
        } else {
            fragments = [sql]
            failure = SQLError(
                .misuse, "\(parts.count - 1) placeholders for \(bindings.count) bindings", sql: sql)
        }
        self.bindings = bindings
        isReusable = false
    }

    /// The text with `?` for each binding.
    public var sql: String { fragments.joined(separator: "?") }

    /// The text with placeholders as an engine writes them; `placeholder` is given their number, from 1.
    public func sql(placeholder: (Int) -> String) -> String {
        var text = fragments[0]
        for index in fragments.indices.dropFirst() {
            text += placeholder(index) + fragments[index]
        }
        return text
    }

    /// - Throws: what made the query invalid: a value that cannot be stored, or a `\(raw:)` that is no identifier.
    public func validate() throws(SQLError) {
        if var failure {
            failure.sql = failure.sql ?? sql
            throw failure
        }
        do {
            for binding in bindings { try binding.validate() }
        } catch {
            throw SQLError(error.code, error.message, sql: sql)
        }
    }
}

extension SQLQuery: ExpressibleByStringInterpolation {
    public init(stringLiteral text: String) {
        fragments = [text]
        bindings = []
        isReusable = true
    }

    public init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.query
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var query: SQLQuery = ""

        public init(literalCapacity: Int, interpolationCount: Int) {
            query.bindings.reserveCapacity(interpolationCount)
            query.fragments.reserveCapacity(interpolationCount + 1)
        }

        public mutating func appendLiteral(_ literal: String) {
            query.fragments[query.fragments.count - 1] += literal
        }

        /// Binds `value`, or NULL. (With this overload the compiler does not warn of optionals in a text.)
        public mutating func appendInterpolation(_ value: (some SQLBindable)?) {
            if let value { appendInterpolation(value) } else { appendInterpolation(SQLValue.null) }
        }

        /// Binds `value`.
        public mutating func appendInterpolation(_ value: some SQLBindable) {
            do throws(SQLError) {
                query.bindings.append(try value.sqlValue())
            } catch {
                query.bindings.append(.null)
                query.failure = query.failure ?? error
            }
            query.fragments.append("")
        }

        /// Binds each value, separated by commas: `id IN (\(list: ids))`. An empty list matches nothing.
        public mutating func appendInterpolation(list values: some Collection<some SQLBindable>) {
            query.isReusable = false
            if values.isEmpty { appendLiteral("SELECT NULL WHERE 1 = 0") }
            for (index, value) in values.enumerated() {
                if index > 0 { appendLiteral(", ") }
                appendInterpolation(value)
            }
        }

        /// The name of a table or a column, or `ASC`: letters, digits and `_`, with dots between.
        public mutating func appendInterpolation(raw identifier: String) {
            query.isReusable = false
            appendLiteral(identifier)
            if !Self.isIdentifier(identifier) {
                query.failure = query.failure ?? SQLError(.misuse, "not an identifier in \\(raw:)")
            }
        }

        /// Another query as a part of this one, with its bindings.
        public mutating func appendInterpolation(_ part: SQLQuery) {
            appendLiteral(part.fragments[0])
            query.fragments.append(contentsOf: part.fragments.dropFirst())
            query.bindings.append(contentsOf: part.bindings)
            query.failure = query.failure ?? part.failure
            query.isReusable = false
        }

        private static func isIdentifier(_ text: String) -> Bool {
            guard text.utf8.count <= 128 else { return false }
            return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                guard let first = part.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
                    return false
                }
                return part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
            }
        }
    }
}
