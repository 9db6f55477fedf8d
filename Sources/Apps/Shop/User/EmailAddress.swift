/// An address in the one form in which the shop stores and compares it.
///
/// Accepted is what nearly every mailbox has: a dot-atom of RFC 5322 before the @ and a host name with a dot after it.
/// Only a message that arrives proves an address, so nothing more is attempted.
struct EmailAddress: Hashable, Sendable {
    /// The longest address that a mail server must take (RFC 5321, 4.5.3.1.3, without the angle brackets).
    static let maxLength = 254

    let text: String

    /// Trims spaces and lowers the case; nil when the rest does not look like an address.
    init?(_ input: String) {
        guard input.utf8.count <= Self.maxLength + 16 else { return nil }
        let trimmed = input.trimmingSpaces().lowercased()
        let parts = trimmed.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard trimmed.utf8.count <= Self.maxLength, parts.count == 2, Self.isLocalPart(parts[0]),
            Self.isHostName(parts[1])
        else { return nil }
        text = trimmed
    }

    private static let atomPunctuation = Set("!#$%&'*+/=?^_`{|}~-".utf8)

    private static func isLocalPart(_ part: Substring.UTF8View) -> Bool {
        guard (1...64).contains(part.count) else { return false }
        return part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.allSatisfy { isLetterOrDigit($0) || atomPunctuation.contains($0) }
        }
    }

    private static func isHostName(_ part: Substring.UTF8View) -> Bool {
        let labels = part.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { label in
                let hyphen = UInt8(ascii: "-")
                return (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
                    && label.allSatisfy { isLetterOrDigit($0) || $0 == hyphen }
            }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension StringProtocol {
    /// Without the white space at both ends.
    func trimmingSpaces() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
