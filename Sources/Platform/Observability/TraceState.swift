/// The vendors' part of a trace context: passed on unchanged, newest first, within the specification's bounds.
public struct TraceState: Hashable, Sendable, CustomStringConvertible {
    /// Section 3.3.1.1: no more than 32 members.
    public static let maxMembers = 32
    /// Section 3.3.1.5: at least 512 characters must be passed on; that is also all that we pass on.
    public static let maxCharacters = 512
    /// Section 3.3.1.5: what is longer goes first when room is short.
    static let longMember = 128

    /// The members as `key=value`.
    public let members: [String]

    /// The fields of that name in their order; nil when they hold nothing, or one member is not valid (then none counts).
    public init?(headers: [String]) {
        var members: [String] = []
        var keys: Set<Substring> = []
        for header in headers {
            for part in header.split(separator: ",", omittingEmptySubsequences: true) {
                let member = part.trimmingSpaces()
                if member.isEmpty { continue }
                guard members.count < Self.maxMembers, let key = Self.key(of: member), keys.insert(key).inserted else {
                    return nil
                }
                members.append(String(member))
            }
        }
        guard !members.isEmpty else { return nil }
        self.members = Self.shortened(members)
        if self.members.isEmpty { return nil }
    }

    public var description: String { members.joined(separator: ",") }

    private static func shortened(_ members: [String]) -> [String] {
        var kept = members
        func length() -> Int { kept.reduce(kept.count - 1) { $0 + $1.utf8.count } }
        while length() > maxCharacters, let long = kept.lastIndex(where: { $0.utf8.count > longMember }) {
            kept.remove(at: long)
        }
        while length() > maxCharacters { kept.removeLast() }
        return kept
    }

    /// The key when `member` is `key=value` of the allowed characters (sections 3.3.1.3.1 and 3.3.1.3.2).
    private static func key(of member: Substring) -> Substring? {
        guard let equals = member.firstIndex(of: "=") else { return nil }
        let key = member[..<equals]
        let value = member[member.index(after: equals)...].utf8
        guard (1...256).contains(key.utf8.count), (1...256).contains(value.count), isKey(key) else { return nil }
        let allowed = value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
        return allowed ? key : nil
    }

    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return isLetter(parts[0].first) && parts[0].allSatisfy(isKeyCharacter)
        case 2:
            let (tenant, system) = (parts[0], parts[1])
            return (1...241).contains(tenant.count) && (1...14).contains(system.count) && isLetter(system.first)
                && (isLetter(tenant.first) || isDigit(tenant.first))
                && tenant.allSatisfy(isKeyCharacter) && system.allSatisfy(isKeyCharacter)
        default: return false
        }
    }

    private static func isLetter(_ byte: UInt8?) -> Bool {
        byte.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) } ?? false
    }

    private static func isDigit(_ byte: UInt8?) -> Bool {
        byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
    }

    private static func isKeyCharacter(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "_-*/".utf8.contains(byte)
    }
}

extension Substring {
    func trimmingSpaces() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
