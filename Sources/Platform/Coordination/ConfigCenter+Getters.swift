extension ConfigCenter {
    /// - Throws: `CoordinationError` `.unknownSetting`, or `.wrongType` when the setting is declared with another type.
    public func string(_ key: String) throws(CoordinationError) -> String {
        guard case .string(let value) = try declared(key) else { throw wrongType(key, "string") }
        return value
    }

    /// - Throws: as `string(_:)`.
    public func int(_ key: String) throws(CoordinationError) -> Int {
        guard case .int(let value) = try declared(key) else { throw wrongType(key, "int") }
        return value
    }

    /// - Throws: as `string(_:)`.
    public func double(_ key: String) throws(CoordinationError) -> Double {
        guard case .double(let value) = try declared(key) else { throw wrongType(key, "double") }
        return value
    }

    /// - Throws: as `string(_:)`.
    public func bool(_ key: String) throws(CoordinationError) -> Bool {
        guard case .bool(let value) = try declared(key) else { throw wrongType(key, "bool") }
        return value
    }

    /// - Throws: as `string(_:)`.
    public func duration(_ key: String) throws(CoordinationError) -> Duration {
        guard case .duration(let value) = try declared(key) else { throw wrongType(key, "duration") }
        return value
    }

    /// - Throws: as `string(_:)`.
    public func list(_ key: String) throws(CoordinationError) -> [String] {
        guard case .list(let value) = try declared(key) else { throw wrongType(key, "list") }
        return value
    }

    private func declared(_ key: String) throws(CoordinationError) -> SettingValue {
        guard let value = value(for: key) else { throw .unknownSetting(key, in: namespace) }
        return value
    }

    private func wrongType(_ key: String, _ asked: String) -> CoordinationError {
        let declared = value(for: key)?.typeName ?? "nothing"
        return CoordinationError(.wrongType, "the setting \(key) of \(namespace) is a \(declared), not a \(asked)")
    }
}

extension CoordinationError.Code {
    /// No setting is declared under this key.
    public static let unknownSetting = Self(rawValue: "unknown setting")
    /// The value is not of the type that the setting is declared with.
    public static let wrongType = Self(rawValue: "wrong type")
    /// Somebody else changed it first; read it again.
    public static let conflict = Self(rawValue: "conflict")
}

extension CoordinationError {
    static func unknownSetting(_ key: String, in namespace: String) -> CoordinationError {
        CoordinationError(.unknownSetting, "\(namespace) has no setting \(key)")
    }
}
