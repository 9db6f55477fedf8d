/// The character classes of HTTP/1.1 (RFC 9110, RFC 9112), as a few instructions each.
enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let space = UInt8(ascii: " ")
    static let carriageReturn = UInt8(ascii: "\r")
    static let lineFeed = UInt8(ascii: "\n")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")

    /// `tchar`: what methods and field names are made of.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return (0x03FF_6CFA_0000_0000 as UInt64) >> UInt64(byte) & 1 == 1 }
        if byte < 128 { return (0x57FF_FFFF_C7FF_FFFE as UInt64) >> UInt64(byte &- 64) & 1 == 1 }
        return false
    }

    /// What a field value may hold: visible characters, blanks, and bytes that are not ASCII.
    @inline(__always)
    static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == tab
    }

    /// What a request target may hold: visible ASCII apart from the fragment's mark.
    @inline(__always)
    static func isTarget(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
    }

    /// What `host [":" port]` may hold; no user information, no list, no path.
    static func isHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "~"), colon, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
            UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    @inline(__always)
    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }
}

/// Where a piece of a message head lies, counted from the head's first byte.
struct Span: Hashable {
    var start: Int32
    var end: Int32

    @inline(__always)
    init(_ start: Int, _ end: Int) {
        self.start = Int32(truncatingIfNeeded: start)
        self.end = Int32(truncatingIfNeeded: end)
    }

    static let empty = Span(0, 0)

    @inline(__always) var count: Int { Int(end - start) }
    @inline(__always) var range: Range<Int> { Int(start)..<Int(end) }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    subscript(span: Span) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[span.range])
    }

    /// Whether these bytes are `text` (in lower case), whatever their case.
    @inline(__always)
    func isText(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let other = text.utf8Start
        for index in 0..<count where ASCII.lowercase(self[index]) != other[index] { return false }
        return true
    }

    /// Whether these bytes equal `other`, whatever the case of either.
    func isSameText(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where ASCII.lowercase(self[index]) != ASCII.lowercase(other[index]) { return false }
        return true
    }

    /// These bytes as a decimal number of at most 18 digits and nothing else.
    func decimal() -> Int? {
        guard count > 0, count <= 18 else { return nil }
        var value = 0
        for byte in self {
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    /// Calls `body` with each element of a comma-separated list, without blanks around it; empty ones are left out.
    func forEachListElement(_ body: (UnsafeRawBufferPointer) -> Void) {
        var index = 0
        while index < count {
            var start = index
            while index < count, self[index] != UInt8(ascii: ",") { index += 1 }
            var end = index
            while start < end, self[start] == ASCII.space || self[start] == ASCII.tab { start += 1 }
            while start < end, self[end - 1] == ASCII.space || self[end - 1] == ASCII.tab { end -= 1 }
            if start < end { body(UnsafeRawBufferPointer(rebasing: self[start..<end])) }
            index += 1
        }
    }
}
