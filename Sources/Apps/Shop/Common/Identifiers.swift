import ApusPrimitives

/// The identifiers of the shop, and the shapes that are accepted for one.
enum Identifiers {
    /// The most characters of an identifier that comes from outside.
    static let maxLength = 64

    /// A new identifier that sorts by the time it was made.
    static func next(at clock: WallClock) -> String {
        var random = SystemRandomNumberGenerator()
        return ULID(unixMilliseconds: UInt64(max(0, clock.milliseconds)), using: &random).description
    }

    /// Whether `text` may name a product: 1 to 64 lowercase letters, digits and hyphens.
    static func isProductID(_ text: String) -> Bool {
        (1...maxLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            }
    }

    /// Whether `text` may name a user, an order or a session: 1 to 64 letters, digits, hyphens and underscores.
    static func isRecordID(_ text: String) -> Bool {
        (1...maxLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
