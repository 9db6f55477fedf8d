/// The Huffman code of HPACK (RFC 7541, appendix B), as tables that are computed from the lengths of its codes: it is
/// canonical, so that the codes of one length are consecutive numbers in the order of their symbols.
struct HPACKHuffmanCode: Sendable {
    /// Bits of the index of `short`.
    static let shortBits = 11
    static let endOfString = 256
    static let longest = 30

    /// For each symbol, its code and the number of bits in it.
    let codes: [UInt32]
    let lengths: [UInt8]
    /// For each value of the next 11 bits, the one or two symbols that are whole in them, one after the other from the
    /// low byte up, then their number (bits 16 to 17), then the bits they take (bits 24 up). 0 when the next code is longer.
    let short: [UInt32]
    /// For each length above 11: the first code of that length, aligned to the left in 32 bits, and how many symbols precede.
    let firstCode: [UInt32]
    let firstIndex: [UInt16]
    /// The symbols in the order of their codes.
    let order: [UInt16]

    static let standard = HPACKHuffmanCode(lengths: standardLengths)

    private init(lengths: [UInt8]) {
        let order = (0..<lengths.count).sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        var codes = [UInt32](repeating: 0, count: lengths.count)
        var firstCode = [UInt32](repeating: .max, count: Self.longest + 2)
        var firstIndex = [UInt16](repeating: 0, count: Self.longest + 2)
        var (code, length) = (UInt32(0), 0)
        for (index, symbol) in order.enumerated() {
            code <<= UInt32(Int(lengths[symbol]) - length)
            if Int(lengths[symbol]) != length {
                length = Int(lengths[symbol])
                firstCode[length] = code << UInt32(32 - length)
                firstIndex[length] = UInt16(index)
            }
            codes[symbol] = code
            code += 1
        }
        self.codes = codes
        self.lengths = lengths
        self.order = order.map { UInt16($0) }
        self.firstCode = firstCode
        self.firstIndex = firstIndex
        short = Self.shortTable(codes: codes, lengths: lengths)
    }

    private static func shortTable(codes: [UInt32], lengths: [UInt8]) -> [UInt32] {
        var single = [UInt32](repeating: 0, count: 1 << shortBits)
        for symbol in 0..<256 where Int(lengths[symbol]) <= shortBits {
            let free = shortBits - Int(lengths[symbol])
            let first = Int(codes[symbol]) << free
            for index in first..<first + (1 << free) {
                single[index] = UInt32(symbol) | 1 << 16 | UInt32(lengths[symbol]) << 24
            }
        }
        return single.indices.map { index in
            let first = single[index]
            guard first != 0 else { return 0 }
            let used = first >> 24
            let second = single[(index << Int(used)) & (1 << shortBits - 1)]
            guard second != 0, used + second >> 24 <= UInt32(shortBits) else { return first }
            return first & 0xFF | (second & 0xFF) << 8 | 2 << 16 | (used + second >> 24) << 24
        }
    }

    private static let standardLengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
        28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
        8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
        13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
        28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
        22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
        22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
        25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
    ]
}
