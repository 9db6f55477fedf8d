import ApusPrimitives

@testable import ApusGRPC

/// A decoder that tests can hold, and whose lists are text.
final class TestDecoder {
    private var decoder: HPACKDecoder
    private(set) var rules = HTTP2FieldRules()
    private(set) var last = HTTP2Headers()
    var maxListBytes = 64 * 1024
    var maxFields = 1_000

    init(maxTableSize: Int = 4_096) {
        decoder = HPACKDecoder(maxTableSize: maxTableSize)
    }

    var tableBytes: Int { decoder.table.size }
    var tableCount: Int { decoder.table.count }

    func setSizeLimit(_ limit: Int) { decoder.setSizeLimit(limit) }

    func decode(_ block: [UInt8]) throws(HPACKDecoder.Failure) -> [String] {
        last = HTTP2Headers()
        rules = HTTP2FieldRules()
        // A copy on the heap of exactly this size, so that a read beyond the end is seen by a sanitiser.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: block.count, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: block)
        try decoder.decode(
            UnsafeRawBufferPointer(bytes), into: &last, rules: &rules, maxListBytes: maxListBytes, maxFields: maxFields)
        return last.list
    }

    func decode(hex: String) throws(HPACKDecoder.Failure) -> [String] { try decode([UInt8](hex: hex)) }
}

extension HPACKEncoder {
    /// The block of `headers`, with the size updates that are due in front.
    mutating func block(_ headers: HTTP2Headers) -> [UInt8] {
        let room = bound(headers)
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let base = UnsafeMutableRawPointer(buffer.baseAddress!)
            count = encodeUpdates(into: base)
            count += encode(headers, into: base + count)
        }
    }
}

extension [UInt8] {
    init(hex: String) {
        let digits = hex.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    var hex: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension SeededRandom {
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }

    /// `count` letters that may stand in a field name.
    mutating func word(_ count: Int) -> String {
        String((0..<count).map { _ in Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(below(26)))) })
    }
}
