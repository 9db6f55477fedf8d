/// A command line as Go's flag package reads it: one dash or two, `--flag=value` or `--flag value`; a flag that is true or
/// false takes no word of its own. The last one of several counts.
struct ServerArguments: Sendable, Equatable {
    private(set) var given = GivenValues()
    private(set) var configFile: String?
    private(set) var wantsHelp = false
    private(set) var wantsVersion = false

    /// - Throws: `ServerFlaw` for a flag that is not known or lacks its value, and for a word that is no flag.
    init(_ words: [String]) throws(ServerFlaw) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                throw ServerFlaw("'\(word)' is not a flag; a flag that is true or false is written --flag=true")
            }
            if word == "--" {
                if let extra = rest.first { throw ServerFlaw("'\(extra)' is not a flag") }
                return
            }
            let body = word.dropFirst(word.hasPrefix("--") ? 2 : 1)
            let parts = body.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try take(String(parts[0]), parts.count > 1 ? String(parts[1]) : nil, &rest)
        }
    }

    private mutating func take(
        _ name: String, _ inline: String?, _ rest: inout ArraySlice<String>
    ) throws(ServerFlaw) {
        switch name {
        case "h", "help": wantsHelp = true
        case "version": wantsVersion = true
        case ServerFlag.configFile: configFile = try value(of: name, inline, &rest)
        default:
            guard let flag = ServerFlag.byName[name] else { throw Self.unknown(name) }
            let text = flag.kind == .truth ? inline ?? "true" : try value(of: name, inline, &rest)
            given.set(flag, text, from: "--\(name)")
        }
    }

    private func value(
        of name: String, _ inline: String?, _ rest: inout ArraySlice<String>
    ) throws(ServerFlaw) -> String {
        if let inline { return inline }
        guard let next = rest.popFirst() else { throw ServerFlaw("--\(name) needs a value: --\(name)=…") }
        return next
    }

    private static func unknown(_ name: String) -> ServerFlaw {
        let hint = ServerFlag.nearest(to: name).map { "; did you mean --\($0)?" } ?? ""
        return ServerFlaw("--\(name) is not a flag of apus server\(hint) (`apus server --help` lists all)")
    }
}
