public import Configuration

/// A config center as a provider of swift-configuration: `ConfigReader(providers: [center.provider, …])`.
///
/// A key `http.timeout` is the setting `http.timeout`. What is not declared in the center is left to the next provider.
/// A duration is read as a string.
public struct ConfigCenterProvider: ConfigProvider {
    let center: ConfigCenter

    public var providerName: String { "ConfigCenter[\(center.namespace)]" }

    public func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        try center.lookup(key, type).get()
    }

    /// The same as `value(forKey:type:)`: a center is always as current as the store lets it be.
    public func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws -> LookupResult {
        try value(forKey: key, type: type)
    }

    public func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey, type: ConfigType,
        updatesHandler: (ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>) async throws -> Return
    ) async throws -> Return {
        let updates = center.updates(of: key.settingKey)
        return try await updatesHandler(
            ConfigUpdatesAsyncSequence(
                updates.map { value in
                    Result { try LookupResult(key, value, as: type) }
                }))
    }

    public func snapshot() -> any ConfigSnapshot {
        ConfigCenterSnapshot(providerName: providerName, values: center.values)
    }

    public func watchSnapshot<Return: ~Copyable>(
        updatesHandler: (ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>) async throws -> Return
    ) async throws -> Return {
        let name = providerName
        let center = center
        let updates = DistinctUpdates(notices: ChangeNotices(of: center.broadcast), read: { center.values })
        return try await updatesHandler(
            ConfigUpdatesAsyncSequence(
                updates.map { values -> any ConfigSnapshot in
                    ConfigCenterSnapshot(providerName: name, values: values)
                }))
    }
}

extension ConfigCenter {
    /// This center for swift-configuration.
    public var provider: ConfigCenterProvider { ConfigCenterProvider(center: self) }

    var values: [String: SettingValue] {
        Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    }

    func lookup(_ key: AbsoluteConfigKey, _ type: ConfigType) -> Result<LookupResult, any Error> {
        Result { try LookupResult(key, value(for: key.settingKey), as: type) }
    }
}

/// All settings at one moment.
struct ConfigCenterSnapshot: ConfigSnapshot {
    let providerName: String
    let values: [String: SettingValue]

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        try LookupResult(key, values[key.settingKey], as: type)
    }
}

extension AbsoluteConfigKey {
    var settingKey: String { components.joined(separator: ".") }
}

extension LookupResult {
    init(_ key: AbsoluteConfigKey, _ value: SettingValue?, as type: ConfigType) throws {
        let name = key.settingKey
        guard let value else {
            self.init(encodedKey: name, value: nil)
            return
        }
        guard let content = ConfigContent(value, as: type) else {
            throw CoordinationError(.wrongType, "the setting \(name) is a \(value.typeName), not a \(type.rawValue)")
        }
        self.init(encodedKey: name, value: ConfigValue(content, isSecret: false))
    }
}

extension ConfigContent {
    init?(_ value: SettingValue, as type: ConfigType) {
        switch (type, value) {
        case (.string, .list): return nil
        case (.string, _): self = .string(value.text)
        case (.int, .int(let value)): self = .int(value)
        case (.double, .double(let value)): self = .double(value)
        case (.double, .int(let value)): self = .double(Double(value))
        case (.bool, .bool(let value)): self = .bool(value)
        case (.bytes, .string(let value)): self = .bytes(Array(value.utf8))
        case (.stringArray, .list(let values)): self = .stringArray(values)
        case (.intArray, .list(let values)):
            let numbers = values.compactMap { Int($0) }
            guard numbers.count == values.count else { return nil }
            self = .intArray(numbers)
        case (.doubleArray, .list(let values)):
            let numbers = values.compactMap { Double($0) }
            guard numbers.count == values.count else { return nil }
            self = .doubleArray(numbers)
        case (.boolArray, .list(let values)):
            let flags = values.compactMap { Bool($0) }
            guard flags.count == values.count else { return nil }
            self = .boolArray(flags)
        default: return nil
        }
    }
}
