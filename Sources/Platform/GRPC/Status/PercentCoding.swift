/// How `grpc-message` travels: UTF-8, with `%` and all that is not printable ASCII as `%XX` (gRPC over HTTP/2, "Percent-Encoded").
enum PercentCoding {
    private static let hex = Array("0123456789ABCDEF".utf8)

    /// At most `limit` bytes of `text` are kept, cut between characters.
    static func encode(_ text: String, limit: Int = GRPCError.maximumMessageBytes) -> [UInt8] {
        var coded: [UInt8] = []
        var taken = 0
        for scalar in text.unicodeScalars {
            let bytes = UTF8.encode(scalar)!
            taken += bytes.count
            if taken > limit { break }
            for byte in bytes {
                if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                    coded.append(byte)
                } else {
                    coded += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 0xF)]]
                }
            }
        }
        return coded
    }

    /// What is not a valid escape is kept as it is, and what is not UTF-8 is repaired: a message is never refused.
    static func decode(_ coded: [UInt8]) -> String {
        guard coded.contains(UInt8(ascii: "%")) else { return String(decoding: coded, as: UTF8.self) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(coded.count)
        var index = 0
        while index < coded.count {
            if coded[index] == UInt8(ascii: "%"), index + 2 < coded.count,
                let high = digit(coded[index + 1]), let low = digit(coded[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(coded[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
