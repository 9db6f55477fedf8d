import ApusControlPlane

/// The value of every flag, given or default, after each was checked by itself.
struct FlagValues {
    private let given: GivenValues
    /// Flags that were given and change nothing, each with its reason.
    let withoutEffect: [String]

    /// - Throws: `ServerFlaw` for the first value that is none, and for a flag that must not be ignored and cannot be kept.
    init(_ given: GivenValues) throws(ServerFlaw) {
        self.given = given
        var withoutEffect: [String] = []
        for flag in given.flags {
            let value = given[flag.name]!
            if let complaint = flag.complaint(value.text) { throw ServerFlaw("\(value.source): \(complaint)") }
            guard !flag.isStandard(value.text) else { continue }
            switch flag.effect {
            case .used: break
            case .none(let why): withoutEffect.append("\(value.source) (\(why))")
            case .refused(let why): throw ServerFlaw("\(value.source): not offered here; \(why)")
            }
        }
        self.withoutEffect = withoutEffect
    }

    func isGiven(_ name: String) -> Bool { given[name] != nil }

    /// An empty text counts as not given where there is a default.
    func text(_ name: String, or other: String? = nil) -> String {
        let text = given[name]?.text ?? ""
        return text.isEmpty ? other ?? ServerFlag.byName[name]!.standard : text
    }

    func truth(_ name: String) -> Bool { ServerFlag.truth(text(name)) ?? false }

    func number(_ name: String) -> Int64 { Int64(text(name)) ?? 0 }

    func duration(_ name: String) -> Duration { GoDuration.parse(text(name)) ?? .zero }

    func names(_ name: String) -> [String] {
        text(name).split(separator: ",").map { String($0).trimmingSpaces }.filter { !$0.isEmpty }
    }

    func urls(_ name: String) -> [ServiceURL] {
        let text = text(name)
        return text.isEmpty ? [] : (try? ServiceURL.list(text)) ?? []
    }
}

extension ServerFlag {
    /// Whether `text` says the default in other letters.
    func isStandard(_ text: String) -> Bool {
        if text == standard || text.isEmpty { return true }
        switch kind {
        case .truth: return Self.truth(text) == Self.truth(standard)
        case .number: return Int64(text) == Int64(standard)
        case .duration: return GoDuration.parse(text) == GoDuration.parse(standard)
        default: return false
        }
    }
}

extension String {
    var trimmingSpaces: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
