/// Base64 (RFC 4648, section 4) of binary metadata: sent without padding, read with or without it.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let group =
                UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[index + 2]) : 0)
            for letter in 0..<min(left + 1, 4) {
                text.append(alphabet[Int(group >> UInt32(18 - 6 * letter) & 0x3F)])
            }
            index += 3
        }
        return text
    }

    /// Nil for a letter that is not in the alphabet, a wrong length, or bits that say nothing and are not zero.
    static func decode(_ text: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        var letters = text[...]
        for _ in 0..<2 where letters.last == UInt8(ascii: "=") { letters.removeLast() }
        if letters.endIndex != text.endIndex, text.count % 4 != 0 { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(letters.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for letter in letters {
            let value = values[Int(letter)]
            guard value != 0xFF else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
                group &= (1 << UInt32(bits)) - 1
            }
        }
        return bits < 6 && group == 0 ? bytes : nil
    }
}
