import Foundation

/// Values as Go's `fmt` prints them.
enum GoText {
    /// `%q`.
    static func quoted(_ data: Data) -> String {
        var text = "\""
        var rest = data[...]
        while let byte = rest.first {
            if let escape = escapes[byte] {
                text += escape
                rest.removeFirst()
            } else if byte < 0x80 {
                text += byte < 0x20 || byte == 0x7F ? hexByte(byte) : String(UnicodeScalar(byte))
                rest.removeFirst()
            } else if let (scalar, length) = scalar(rest) {
                text += isPrintable(scalar) ? String(scalar) : escape(scalar)
                rest.removeFirst(length)
            } else {
                text += hexByte(byte)
                rest.removeFirst()
            }
        }
        return text + "\""
    }

    /// `\x61\x62`.
    static func hex(_ data: Data) -> String {
        data.map(hexByte).joined()
    }

    /// `%016x`.
    static func id(_ id: Int64) -> String {
        let text = String(UInt64(bitPattern: id), radix: 16)
        return String(repeating: "0", count: max(0, 16 - text.count)) + text
    }

    /// `%x` of what is a number without a sign.
    static func hex(_ number: UInt64) -> String { String(number, radix: 16) }

    /// `%16x`.
    static func wide(_ number: UInt64) -> String {
        let text = hex(number)
        return String(repeating: " ", count: max(0, 16 - text.count)) + text
    }

    /// As Go prints a duration: `2.536707ms`.
    static func duration(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        func number(_ value: Double, _ digits: Int) -> String {
            var text = String(format: "%.\(digits)f", value)
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
            return text
        }
        if nanoseconds < 1e3 { return "\(Int(nanoseconds))ns" }
        if nanoseconds < 1e6 { return number(nanoseconds / 1e3, 3) + "µs" }
        if nanoseconds < 1e9 { return number(nanoseconds / 1e6, 6) + "ms" }
        return number(nanoseconds / 1e9, 9) + "s"
    }

    /// As the table of `endpoint status` prints sizes: `29 kB`.
    static func size(_ bytes: Int64) -> String {
        guard bytes >= 10 else { return "\(bytes) B" }
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1_000, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        value = (value * 10 + 0.5).rounded(.down) / 10
        return String(format: value < 10 ? "%.1f" : "%.0f", value) + " \(units[unit])"
    }

    private static let escapes: [UInt8: String] = [
        7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 0x22: "\\\"", 0x5C: "\\\\",
    ]

    private static func hexByte(_ byte: UInt8) -> String {
        "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    /// The first scalar of UTF-8, and its length.
    private static func scalar(_ data: Data.SubSequence) -> (Unicode.Scalar, Int)? {
        var decoder = Unicode.UTF8()
        var bytes = data.prefix(4).makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return nil }
        return (scalar, String(scalar).utf8.count)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        String(format: scalar.value > 0xFFFF ? "\\U%08x" : "\\u%04x", scalar.value)
    }
}
