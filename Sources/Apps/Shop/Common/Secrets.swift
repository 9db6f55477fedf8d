import Crypto

/// Random secrets, and the one-way form in which they are stored.
enum Secrets {
    /// `count` bytes from the system's generator.
    static func randomBytes(_ count: Int) -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in random.next() }
    }

    /// A bearer secret of 256 bits, as text for a URL or a header.
    static func newToken() -> String {
        Base64URL.encode(randomBytes(32))
    }

    /// The SHA-256 of `secret`. Enough for a random secret of 256 bits; passwords need `PasswordHasher`.
    static func digest(_ secret: String) -> String {
        Base64URL.encode(Array(SHA256.hash(data: Array(secret.utf8))))
    }

    /// Compares in a time that depends on the lengths only.
    static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (a, b) in zip(left, right) { difference |= a ^ b }
        return difference == 0
    }
}
