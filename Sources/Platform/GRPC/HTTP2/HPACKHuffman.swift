/// Huffman coding of strings (RFC 7541, section 5.2).
enum HPACKHuffman {
    /// Bytes that `bytes` take when they are coded.
    static func encodedCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let lengths = HPACKHuffmanCode.standard.lengths
        return lengths.withUnsafeBufferPointer { lengths in
            var bits = 0
            for byte in bytes { bits &+= Int(lengths[Int(byte)]) }
            return (bits + 7) / 8
        }
    }

    /// Writes the code of `bytes` to `output`, which has room for it, and returns its length.
    static func encode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) -> Int {
        let code = HPACKHuffmanCode.standard
        return code.codes.withUnsafeBufferPointer { codes in
            code.lengths.withUnsafeBufferPointer { lengths in
                var (pending, bits, written) = (UInt64(0), 0, 0)
                for byte in bytes {
                    let length = Int(lengths[Int(byte)])
                    pending = pending << UInt64(length) | UInt64(codes[Int(byte)])
                    bits += length
                    while bits >= 8 {
                        bits -= 8
                        output.storeBytes(
                            of: UInt8(truncatingIfNeeded: pending >> UInt64(bits)), toByteOffset: written,
                            as: UInt8.self)
                        written += 1
                    }
                }
                if bits > 0 {
                    let last = UInt8(truncatingIfNeeded: pending << UInt64(8 - bits)) | UInt8((1 << (8 - bits)) - 1)
                    output.storeBytes(of: last, toByteOffset: written, as: UInt8.self)
                    written += 1
                }
                return written
            }
        }
    }

    /// The most bytes that `count` coded bytes can stand for: the shortest code has 5 bits.
    static func decodedBound(_ count: Int) -> Int { count * 8 / 5 + 2 }

    /// Writes what `bytes` stand for to `output`, which has room for `decodedBound`, and returns its length; nil when
    /// they are no code: the end of string within it, or a padding that is longer than 7 bits or not all ones.
    static func decode(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) -> Int? {
        let code = HPACKHuffmanCode.standard
        return code.short.withUnsafeBufferPointer { short in
            var (window, bits) = (UInt64(0), 0)
            var (read, written) = (0, 0)
            let count = bytes.count
            while true {
                // The next code is at the top of `window`, of which `bits` are filled.
                while bits <= 56, read < count {
                    window |= UInt64(bytes[read]) << UInt64(56 - bits)
                    read += 1
                    bits += 8
                }
                let entry = short[Int(window >> UInt64(64 - HPACKHuffmanCode.shortBits))]
                let used = Int(entry >> 24)
                if entry != 0, used <= bits {
                    // The second byte is overwritten when there is only one.
                    output.storeBytes(of: UInt8(truncatingIfNeeded: entry), toByteOffset: written, as: UInt8.self)
                    output.storeBytes(
                        of: UInt8(truncatingIfNeeded: entry >> 8), toByteOffset: written + 1, as: UInt8.self)
                    written += Int(entry >> 16 & 3)
                    window <<= UInt64(used)
                    bits -= used
                    continue
                }
                guard bits > 0 else { return written }
                guard let (symbol, length) = code.slow(UInt32(truncatingIfNeeded: window >> 32)), length <= bits else {
                    return bits < 8 && window >> UInt64(64 - bits) == (1 << UInt64(bits)) - 1 ? written : nil
                }
                guard symbol != HPACKHuffmanCode.endOfString else { return nil }
                output.storeBytes(of: UInt8(truncatingIfNeeded: symbol), toByteOffset: written, as: UInt8.self)
                written += 1
                window <<= UInt64(length)
                bits -= length
            }
        }
    }
}

extension HPACKHuffmanCode {
    /// The symbol whose code `bits` begin with, and the length of that code.
    fileprivate func slow(_ bits: UInt32) -> (symbol: Int, length: Int)? {
        var length = Self.longest
        while length > 0, firstCode[length] == .max || bits < firstCode[length] { length -= 1 }
        guard length > 0 else { return nil }
        let index = Int(firstIndex[length]) + Int((bits - firstCode[length]) >> UInt32(32 - length))
        return index < order.count ? (Int(order[index]), length) : nil
    }
}
