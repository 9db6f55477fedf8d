import GRDB

extension SQLError {
    init(sqlite error: DatabaseError, sql: String? = nil) {
        let code = Code(sqlite: error)
        let message = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        self.init(code, message, sql: sql ?? error.sql, cause: error)
    }

    /// `error` as the callers of this module see it; what a body threw itself stays as it is.
    static func mapped(_ error: any Error) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        return SQLError(sqlite: error)
    }
}

extension SQLError.Code {
    init(sqlite error: DatabaseError) {
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID:
            self = .uniqueViolation
        case .SQLITE_CONSTRAINT_FOREIGNKEY: self = .foreignKeyViolation
        case .SQLITE_CONSTRAINT_CHECK: self = .checkViolation
        case .SQLITE_CONSTRAINT_NOTNULL: self = .notNullViolation
        default: self = Self.primary(error)
        }
    }

    private static func primary(_ error: DatabaseError) -> Self {
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: .constraintViolation
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: .busy
        case .SQLITE_READONLY: .readOnly
        case .SQLITE_CORRUPT: .corrupt
        case .SQLITE_NOTADB: .notADatabase
        case .SQLITE_FULL: .full
        case .SQLITE_IOERR: .ioError
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH: .cannotOpen
        case .SQLITE_TOOBIG: .tooBig
        case .SQLITE_MISMATCH: .typeMismatch
        // GRDB says so of a closed connection, of two statements in one text, and of a wrong number of bindings.
        case .SQLITE_MISUSE: error.message == "Connection is closed" ? .closed : .misuse
        case .SQLITE_ERROR: .invalidStatement
        default: .unknown
        }
    }
}
