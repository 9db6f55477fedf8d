/// What was said about each flag, and where.
struct GivenValues: Sendable, Equatable {
    struct Value: Sendable, Equatable {
        var text: String
        /// As its writer would look for it: `--name`, `ETCD_NAME`, `name in /etc/etcd.yaml`.
        var source: String
    }

    /// By flag name.
    private(set) var values: [String: Value] = [:]

    subscript(name: String) -> Value? { values[name] }

    mutating func set(_ flag: ServerFlag, _ text: String, from source: String) {
        values[flag.name] = Value(text: text, source: source)
    }

    /// In the order of the help.
    var flags: [ServerFlag] { ServerFlag.all.filter { values[$0.name] != nil } }
}
