import ApusCoordination

extension [Tunable] {
    /// The declarations that a config center wants.
    var defaults: [String: SettingValue] {
        Dictionary(map { ($0.key, .int(Int($0.defaultValue))) }, uniquingKeysWith: { first, _ in first })
    }
}

extension Tunables {
    /// Live from the config center.
    init(_ center: ConfigCenter) {
        self.init { key in (try? center.int(key)).map(Int64.init) }
    }
}
