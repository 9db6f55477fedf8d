/// Etcdctl's way of writing flags, as ArgumentParser reads them. Pure.
enum CtlArguments {
    private static let withValue: Set<String> = [
        "--endpoints", "--cacert", "--cert", "--key", "--user", "--password", "--write-out", "-w", "--command-timeout",
        "--dial-timeout", "--keepalive-time", "--keepalive-timeout",
    ]
    private static let switches: Set<String> = [
        "auto-compact", "auto-defrag", "cluster", "count-only", "debug", "detail", "from-key", "hex", "ignore-lease",
        "ignore-value", "insecure-discovery", "insecure-skip-tls-verify", "insecure-transport", "interactive", "keys",
        "keys-only", "learner", "listen", "no-password", "once", "physical", "prefix", "prev-kv", "print-value-only",
        "progress-notify", "skip-hash-check",
    ]

    /// Flags before the command go behind its words, and `--flag=true` is `--flag`.
    static func normalized(_ arguments: [String]) -> [String] {
        var leading: [String] = []
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-"), word != "--", word != "-h", word != "--help" {
            leading.append(rest.removeFirst())
            if withValue.contains(word), let value = rest.first {
                leading.append(value)
                rest.removeFirst()
            }
        }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        let flags = rest[..<end].compactMap(plain) + leading.compactMap(plain)
        // What `watch` runs is told from what it watches.
        guard rest.first == "watch" else { return flags + rest[end...] }
        return flags + rest[end...].dropFirst().flatMap { ["--exec", $0] }
    }

    private static func plain(_ word: String) -> String? {
        guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else { return word }
        let name = String(word[word.index(word.startIndex, offsetBy: 2)..<equals])
        guard switches.contains(name) else { return word }
        switch word[word.index(after: equals)...].lowercased() {
        case "true", "t", "1": return "--\(name)"
        case "false", "f", "0": return name == "interactive" ? "--no-interactive" : nil
        default: return word
        }
    }
}
