import ApusPrimitives

/// Passwords as etcd keeps them, so that users move with a snapshot, either way.
///
/// Provos and Mazières, "A future-adaptable password scheme" (USENIX 1999), in the form `$2a$cost$salt+hash`. Takes tens of
/// milliseconds at the default cost, by design: never on an event loop.
enum Bcrypt {
    /// The work is two to the power of the cost; etcd's default.
    static let defaultCost = 10
    static let costs = 4...31
    static let saltBytes = 16
    /// What follows in a password is ignored.
    private static let maximumPasswordBytes = 72
    private static let hashBytes = 23
    private static let alphabet = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// With a salt of its own, in text form. A cost out of `costs` becomes the default.
    static func hash(_ password: String, cost: Int = defaultCost) -> Bytes {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<saltBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return hash(Array(password.utf8), cost: costs.contains(cost) ? cost : defaultCost, salt: salt)
    }

    static func hash(_ password: [UInt8], cost: Int, salt: [UInt8]) -> Bytes {
        let digits = cost < 10 ? "0\(cost)" : "\(cost)"
        return Bytes(
            Array("$2a$\(digits)$".utf8) + encode(salt)
                + encode(raw(password, cost: cost, salt: salt).prefix(hashBytes)))
    }

    /// Whether `password` is the one that `hash` was made of; false for what is no hash.
    static func verify(_ password: String, against hash: Bytes) -> Bool {
        let text = hash.array
        // "$2a$10$", 22 characters of salt, 31 of the hash.
        guard text.count == 60, text[0] == 0x24, text[1] == 0x32, text[3] == 0x24, text[6] == 0x24,
            let cost = Int(String(decoding: text[4..<6], as: UTF8.self)), costs.contains(cost),
            let salt = decode(text[7..<29], count: saltBytes), let expected = decode(text[29...], count: hashBytes)
        else { return false }
        let actual = raw(Array(password.utf8), cost: cost, salt: salt).prefix(hashBytes)
        return areEqual(expected, Array(actual))
    }

    /// In a time that does not tell where they differ.
    static func areEqual(_ expected: [UInt8], _ actual: [UInt8]) -> Bool {
        guard expected.count == actual.count else { return false }
        // In Swift `|` and `^` have the same precedence.
        return zip(expected, actual).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func raw(_ password: [UInt8], cost: Int, salt: [UInt8]) -> [UInt8] {
        let key =
            password.prefix(maximumPasswordBytes - 1) + (password.count < maximumPasswordBytes ? [0] : [password[71]])
        let cipher = Blowfish()
        cipher.expand(key: Array(key), salt: salt)
        for _ in 0..<(1 << cost) {
            cipher.expand(key: Array(key))
            cipher.expand(key: salt)
        }
        var words = Array("OrpheanBeholderScryDoubt".utf8).withUnsafeBytes { text in
            (0..<6).map { text.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self).bigEndian }
        }
        for pair in stride(from: 0, to: 6, by: 2) {
            for _ in 0..<64 { (words[pair], words[pair + 1]) = cipher.encrypt(words[pair], words[pair + 1]) }
        }
        return words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
    }

    /// Bcrypt's own base 64: another alphabet, and no padding.
    private static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> count & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << (6 - count) & 63)]) }
        return text
    }

    private static func decode(_ text: ArraySlice<UInt8>, count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var pending: UInt32 = 0
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = bits << 6 | UInt32(value)
            pending += 6
            if pending >= 8 {
                pending -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> pending))
            }
        }
        return bytes.count >= count ? Array(bytes.prefix(count)) : nil
    }
}
