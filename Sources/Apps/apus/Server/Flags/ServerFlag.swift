/// One flag of `apus server`: etcd's name for it, its default, and what it does here.
struct ServerFlag: Sendable {
    /// What values it takes.
    enum Kind: Sendable, Equatable {
        case text
        /// `--flag` alone is true.
        case truth
        case number(ClosedRange<Int64>, unit: String)
        /// As Go writes durations: 1h30m, 100ms.
        case duration
        /// Separated by commas.
        case urls
        case names
        case choice([String])
    }

    /// What becomes of a value that differs from the default.
    enum Effect: Sendable, Equatable {
        case used
        /// Accepted, so that what was written for etcd starts, and named in one line of the log.
        case none(String)
        /// Ignoring it would break a promise: an error that says what to do instead.
        case refused(String)
    }

    enum Section: String, CaseIterable, Sendable {
        case member = "Member"
        case clustering = "Cluster"
        case security = "TLS"
        case auth = "Users and roles"
        case monitoring = "Metrics and logs"
        case tuning = "Tuning"
        case ignored = "Accepted for etcd's sake, without effect"
    }

    let name: String
    let kind: Kind
    /// As text, as etcd's help shows it.
    let standard: String
    let section: Section
    let help: String
    var effect = Effect.used
    /// Later releases of etcd call it so.
    var aliases: [String] = []

    /// ETCD_LISTEN_CLIENT_URLS for listen-client-urls.
    var variable: String { Self.variable(name) }

    static func variable(_ name: String) -> String {
        "ETCD_" + name.uppercased().replacing("-", with: "_")
    }

    /// All of them, in the order of the help.
    static let all = member + clustering + security + operation + tuning + ignored

    /// By name and alias.
    static let byName: [String: ServerFlag] = {
        var flags: [String: ServerFlag] = [:]
        for flag in all {
            for name in [flag.name] + flag.aliases { flags[name] = flag }
        }
        return flags
    }()

    /// Not a setting of the node, but where its settings are.
    static let configFile = "config-file"

    /// The name that somebody who wrote `name` may have meant; nil when none is near.
    static func nearest(to name: String) -> String? {
        let names = byName.keys.sorted() + [configFile, "help", "version"]
        let ranked = names.map { (name: $0, distance: EditDistance.between(name, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, name.count / 3) ? best.name : nil
    }
}
