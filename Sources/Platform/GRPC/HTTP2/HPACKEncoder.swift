/// Encodes field blocks (RFC 7541) for one direction of one connection.
///
/// What is to be indexed enters the dynamic table as long as it fits without evicting anything, and stays. So the
/// indices of what comes again and again do not move, and a block that is made of nothing else can be kept as bytes
/// (`generation` tells for how long).
struct HPACKEncoder: Sendable {
    private struct Entry {
        var known: HTTP2Name
        var hash: UInt32
        var start: Int
        var nameCount: Int
        var valueCount: Int

        var size: Int { nameCount + valueCount + HPACKDynamicTable.overhead }
    }

    /// Bytes of the table that we use, whatever more the peer allows.
    static let tableBytes = 4_096

    private var bytes: [UInt8] = []
    /// The oldest entry first.
    private var entries: [Entry] = []
    private var size = 0
    private var maxSize = Self.tableBytes
    /// The lowest limit since the last block, and whether the next block has to begin with it and the present one.
    private var lowestLimit: Int?
    /// Changes whenever an index may stand for another field than before.
    private(set) var generation: UInt32 = 0

    /// The peer's settings say how large its table may be.
    mutating func setPeerLimit(_ limit: Int) {
        let limit = min(limit, Self.tableBytes)
        guard limit != maxSize || lowestLimit != nil else { return }
        lowestLimit = min(limit, lowestLimit ?? limit)
        maxSize = limit
        if size > limit {
            // Small tables are rare: what is in use again soon fills them again.
            bytes = []
            entries = []
            size = 0
            lowestLimit = 0
        }
        generation &+= 1
    }

    /// Whether the next block has to begin with a table size update.
    var owesUpdate: Bool { lowestLimit != nil }

    /// The most bytes that the block of `headers` takes.
    func bound(_ headers: HTTP2Headers) -> Int {
        headers.listBytes + headers.count * 2 * HPACKInteger.maxBytes + 2 * HPACKInteger.maxBytes
    }

    /// Writes the size updates that the next block must begin with.
    mutating func encodeUpdates(into output: UnsafeMutableRawPointer) -> Int {
        guard let lowest = lowestLimit else { return 0 }
        lowestLimit = nil
        var count = 0
        if lowest < maxSize { count += HPACKInteger.encode(lowest, prefixBits: 5, pattern: 0x20, into: output) }
        return count + HPACKInteger.encode(maxSize, prefixBits: 5, pattern: 0x20, into: output + count)
    }

    /// Writes the fields of `headers` to `output`, which has room for `bound`, and returns the number of bytes.
    mutating func encode(_ headers: HTTP2Headers, into output: UnsafeMutableRawPointer) -> Int {
        var written = 0
        for index in 0..<headers.count {
            let field = headers.field(index)
            written += headers.withName(at: index) { name in
                headers.withValue(at: index) { value in
                    encode(field.name, name, value, field.indexing, into: output + written)
                }
            }
        }
        return written
    }

    private mutating func encode(
        _ known: HTTP2Name, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ indexing: HTTP2Headers.Indexing, into output: UnsafeMutableRawPointer
    ) -> Int {
        let nameIndex = Int(HPACKStaticTable.standard.firstIndex[Int(known.rawValue)])
        guard indexing == .indexed else {
            return literal(nameIndex, name, value, 4, indexing == .never ? 0x10 : 0, into: output)
        }
        if nameIndex > 0, let whole = Self.staticIndex(from: nameIndex, known, value) {
            return HPACKInteger.encode(whole, prefixBits: 7, pattern: 0x80, into: output)
        }
        let hash = Self.hash(name, value)
        if let index = find(hash, known, name, value) {
            let distance = entries.count - 1 - index
            return HPACKInteger.encode(
                HPACKStaticTable.count + 1 + distance, prefixBits: 7, pattern: 0x80, into: output)
        }
        guard insert(hash, known, name, value) else { return literal(nameIndex, name, value, 4, 0, into: output) }
        return literal(nameIndex, name, value, 6, 0x40, into: output)
    }

    private static func staticIndex(from first: Int, _ known: HTTP2Name, _ value: UnsafeRawBufferPointer) -> Int? {
        let entries = HPACKStaticTable.standard.entries
        var index = first
        while index <= HPACKStaticTable.count, entries[index].known == known {
            if value.equals(entries[index].value) { return index }
            index += 1
        }
        return nil
    }

    private func find(
        _ hash: UInt32, _ known: HTTP2Name, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Int? {
        bytes.withUnsafeBytes { bytes in
            entries.firstIndex { entry in
                guard entry.hash == hash, entry.known == known, entry.valueCount == value.count,
                    entry.nameCount == name.count
                else { return false }
                let middle = entry.start + entry.nameCount
                return bytes[entry.start..<middle].elementsEqual(name)
                    && bytes[middle..<middle + entry.valueCount].elementsEqual(value)
            }
        }
    }

    private mutating func insert(
        _ hash: UInt32, _ known: HTTP2Name, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        let entry = Entry(
            known: known, hash: hash, start: bytes.count, nameCount: name.count, valueCount: value.count)
        guard size + entry.size <= maxSize else { return false }
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        entries.append(entry)
        size += entry.size
        generation &+= 1
        return true
    }

    /// FNV-1a over both; equal hashes are compared, so that it only has to be quick.
    private static func hash(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        for byte in name { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        for byte in value { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return hash
    }

    private func literal(
        _ nameIndex: Int, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ prefixBits: Int,
        _ pattern: UInt8, into output: UnsafeMutableRawPointer
    ) -> Int {
        var count = HPACKInteger.encode(nameIndex, prefixBits: prefixBits, pattern: pattern, into: output)
        if nameIndex == 0 { count += Self.string(name, into: output + count) }
        return count + Self.string(value, into: output + count)
    }

    /// Coded where that is shorter (RFC 7541, section 5.2).
    private static func string(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer) -> Int {
        let coded = HPACKHuffman.encodedCount(bytes)
        if coded < bytes.count {
            let count = HPACKInteger.encode(coded, prefixBits: 7, pattern: 0x80, into: output)
            return count + HPACKHuffman.encode(bytes, into: output + count)
        }
        let count = HPACKInteger.encode(bytes.count, prefixBits: 7, pattern: 0, into: output)
        if let base = bytes.baseAddress { (output + count).copyMemory(from: base, byteCount: bytes.count) }
        return count + bytes.count
    }
}
