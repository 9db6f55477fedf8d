public import ApusPrimitives

extension SQLBindable where Self: BinaryInteger {
    public func sqlValue() throws(SQLError) -> SQLValue {
        guard let value = Int64(exactly: self) else {
            throw SQLError(.invalidValue, "an integer over 64 bits signed cannot be stored")
        }
        return .integer(value)
    }
}

extension SQLDecodable where Self: BinaryInteger {
    public static func decode(_ value: SQLValue) -> Self? {
        guard case .integer(let number) = value else { return nil }
        return Self(exactly: number)
    }
}

extension Int: SQLBindable, SQLDecodable {}
extension Int8: SQLBindable, SQLDecodable {}
extension Int16: SQLBindable, SQLDecodable {}
extension Int32: SQLBindable, SQLDecodable {}
extension Int64: SQLBindable, SQLDecodable {}
extension UInt: SQLBindable, SQLDecodable {}
extension UInt8: SQLBindable, SQLDecodable {}
extension UInt16: SQLBindable, SQLDecodable {}
extension UInt32: SQLBindable, SQLDecodable {}
extension UInt64: SQLBindable, SQLDecodable {}

extension Double: SQLBindable, SQLDecodable {
    public func sqlValue() throws(SQLError) -> SQLValue {
        let value = SQLValue.real(self)
        try value.validate()
        return value
    }

    public static func decode(_ value: SQLValue) -> Double? {
        switch value {
        case .real(let number): number
        case .integer(let number): Double(exactly: number)
        default: nil
        }
    }
}

/// Stored as 0 and 1.
extension Bool: SQLBindable, SQLDecodable {
    public func sqlValue() -> SQLValue { .integer(self ? 1 : 0) }

    public static func decode(_ value: SQLValue) -> Bool? {
        switch value {
        case .integer(0): false
        case .integer(1): true
        default: nil
        }
    }
}

extension String: SQLBindable, SQLDecodable {
    public func sqlValue() throws(SQLError) -> SQLValue {
        let value = SQLValue.text(self)
        try value.validate()
        return value
    }

    public static func decode(_ value: SQLValue) -> String? {
        guard case .text(let text) = value else { return nil }
        return text
    }
}

/// A blob. No other array can be bound; see `\(list:)`.
extension [UInt8]: SQLBindable, SQLDecodable {
    public func sqlValue() -> SQLValue { .blob(self) }

    public static func decode(_ value: SQLValue) -> [UInt8]? {
        guard case .blob(let bytes) = value else { return nil }
        return bytes
    }
}

extension Bytes: SQLBindable, SQLDecodable {
    public func sqlValue() -> SQLValue { .blob(array) }

    public static func decode(_ value: SQLValue) -> Bytes? {
        [UInt8].decode(value).map { Bytes($0) }
    }
}

/// `nil` is NULL.
extension Optional: SQLBindable where Wrapped: SQLBindable {
    public func sqlValue() throws(SQLError) -> SQLValue {
        guard let self else { return .null }
        return try self.sqlValue()
    }
}

extension Optional: SQLDecodable where Wrapped: SQLDecodable {
    public static func decode(_ value: SQLValue) -> Wrapped?? {
        if case .null = value { return .some(.none) }
        guard let wrapped = Wrapped.decode(value) else { return .none }
        return .some(.some(wrapped))
    }
}

/// An enum with raw values is stored as its raw value: declare the conformance, and that is all.
extension SQLBindable where Self: RawRepresentable, RawValue: SQLBindable {
    public func sqlValue() throws(SQLError) -> SQLValue { try rawValue.sqlValue() }
}

extension SQLDecodable where Self: RawRepresentable, RawValue: SQLDecodable {
    public static func decode(_ value: SQLValue) -> Self? {
        RawValue.decode(value).flatMap { Self(rawValue: $0) }
    }
}
