/// Integers with a prefix of a few bits (RFC 7541, section 5.1).
enum HPACKInteger {
    /// Bytes that any integer below 2³² takes at most.
    static let maxBytes = 6
    /// Continuation bytes that are read at most; more of them can only be zeros in front.
    private static let maxContinuation = 5

    /// Reads an integer below 2³² at `position`, whose first byte has `prefixBits` of it; nil when the block ends
    /// within it or it is larger.
    @inline(__always)
    static func decode(_ block: UnsafeRawBufferPointer, _ position: inout Int, prefixBits: Int) -> Int? {
        let mask = (1 << prefixBits) - 1
        guard position < block.count else { return nil }
        let value = Int(block[position]) & mask
        position += 1
        return value < mask ? value : decodeRest(block, &position, value)
    }

    private static func decodeRest(_ block: UnsafeRawBufferPointer, _ position: inout Int, _ first: Int) -> Int? {
        var value = first
        for index in 0..<maxContinuation {
            guard position < block.count else { return nil }
            let byte = Int(block[position])
            position += 1
            value += (byte & 0x7F) << (7 * index)
            if byte & 0x80 == 0 { return value <= Int(UInt32.max) ? value : nil }
        }
        return nil
    }

    /// Writes `value` with `prefixBits` in the first byte, beside the bits of `pattern`; returns the bytes written.
    @inline(__always)
    static func encode(
        _ value: Int, prefixBits: Int, pattern: UInt8, into output: UnsafeMutableRawPointer
    ) -> Int {
        let mask = (1 << prefixBits) - 1
        if value < mask {
            output.storeBytes(of: pattern | UInt8(truncatingIfNeeded: value), as: UInt8.self)
            return 1
        }
        output.storeBytes(of: pattern | UInt8(truncatingIfNeeded: mask), as: UInt8.self)
        var (rest, count) = (value - mask, 1)
        while rest >= 0x80 {
            output.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
            rest >>= 7
            count += 1
        }
        output.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
        return count + 1
    }
}
