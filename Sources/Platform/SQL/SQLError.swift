/// Why a database refused, or could not do, what it was asked.
public struct SQLError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, the same on every engine. The set may grow.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public var description: String { rawValue }

        /// A row with these unique columns, or this primary key, is there already.
        public static let uniqueViolation = Code(rawValue: "uniqueViolation")
        public static let foreignKeyViolation = Code(rawValue: "foreignKeyViolation")
        public static let checkViolation = Code(rawValue: "checkViolation")
        public static let notNullViolation = Code(rawValue: "notNullViolation")
        /// Another constraint, a trigger's `RAISE` say.
        public static let constraintViolation = Code(rawValue: "constraintViolation")
        /// Another connection held a lock for longer than the busy timeout.
        public static let busy = Code(rawValue: "busy")
        /// More callers wait already than the database's bound allows.
        public static let overloaded = Code(rawValue: "overloaded")
        /// A write inside `read`, or a file that may not be written.
        public static let readOnly = Code(rawValue: "readOnly")
        public static let corrupt = Code(rawValue: "corrupt")
        public static let notADatabase = Code(rawValue: "notADatabase")
        /// The disk, or the database's own limit, is full.
        public static let full = Code(rawValue: "full")
        public static let ioError = Code(rawValue: "ioError")
        public static let cannotOpen = Code(rawValue: "cannotOpen")
        public static let closed = Code(rawValue: "closed")
        /// The statement does not parse, or names a table or column that is not there.
        public static let invalidStatement = Code(rawValue: "invalidStatement")
        /// A value that no column can hold the same on every engine: NaN, over 64 bits signed, text with U+0000.
        public static let invalidValue = Code(rawValue: "invalidValue")
        /// A value or a statement over the engine's size limit.
        public static let tooBig = Code(rawValue: "tooBig")
        /// A column holds something else than the type asked for.
        public static let typeMismatch = Code(rawValue: "typeMismatch")
        /// The result has no column of this name.
        public static let noSuchColumn = Code(rawValue: "noSuchColumn")
        /// A statement of this transaction failed before, so it can only end.
        public static let transactionFailed = Code(rawValue: "transactionFailed")
        /// The file knows a migration that this program does not: it was last used by a newer one.
        public static let unknownMigration = Code(rawValue: "unknownMigration")
        /// Migrations in another order than they were applied in, or two of one name.
        public static let migrationOrder = Code(rawValue: "migrationOrder")
        /// A call that breaks a rule of this module; the message says which.
        public static let misuse = Code(rawValue: "misuse")
        public static let unknown = Code(rawValue: "unknown")
    }

    /// What the caller may do about it.
    public enum Retry: Sendable, Hashable {
        /// The same call will fail again.
        case never
        /// Somebody was in the way: run the whole transaction again.
        case soon
        /// Only after a person or a clean-up has put it right.
        case afterRepair
    }

    public var code: Code
    /// For a person. Names constraints, tables and columns, never the values.
    public var message: String
    /// The statement with its placeholders, without its values.
    public var sql: String?
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, sql: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.sql = sql
        self.cause = cause
    }

    public var retry: Retry {
        switch code {
        case .busy, .overloaded: .soon
        case .full, .ioError, .cannotOpen, .readOnly: .afterRepair
        default: .never
        }
    }

    public var description: String {
        let statement = sql.map { " in: \($0)" } ?? ""
        return "\(code): \(message)\(statement)"
    }
}
