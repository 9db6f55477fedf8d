/// Decodes field blocks (RFC 7541, sections 3 and 6) of one direction of one connection.
struct HPACKDecoder: ~Copyable, Sendable {
    /// What makes a block unusable. The connection ends: the table is no longer what the peer believes (section 4.3 of
    /// RFC 9113).
    enum Failure: Error {
        /// The block breaks RFC 7541: COMPRESSION_ERROR.
        case malformed(StaticString)
        /// The list is larger than anybody sends in good faith: ENHANCE_YOUR_CALM.
        case bomb
    }

    /// How many times the limit on a list may be passed before it counts as an attack.
    static let bombFactor = 8

    private(set) var table: HPACKDynamicTable
    /// What our settings allow the table to be.
    private var sizeLimit: Int
    /// The limit was lowered and the peer has not said yet that it follows.
    private var needsUpdate = false
    private var names = HPACKScratch()
    private var values = HPACKScratch()

    init(maxTableSize: Int) {
        sizeLimit = maxTableSize
        table = HPACKDynamicTable(maxSize: maxTableSize)
    }

    /// The peer has acknowledged another limit for the table.
    mutating func setSizeLimit(_ limit: Int) {
        sizeLimit = limit
        needsUpdate = table.maxSize > limit
    }

    /// Adds the fields of `block` to `headers`, and tells `rules` of each. Fields beyond `maxListBytes` or `maxFields`
    /// are left out; `rules` has them as too many.
    mutating func decode(
        _ block: UnsafeRawBufferPointer, into headers: inout HTTP2Headers, rules: inout HTTP2FieldRules,
        maxListBytes: Int, maxFields: Int
    ) throws(Failure) {
        var position = 0
        var listBytes = 0
        var fieldSeen = false
        while position < block.count {
            let first = block[position]
            if first & 0xE0 == 0x20 {
                guard !fieldSeen else { throw .malformed("a table size update after a field") }
                try resize(block, &position)
                continue
            }
            guard !needsUpdate else { throw .malformed("no table size update after the limit was lowered") }
            fieldSeen = true
            if first & 0x80 != 0 {
                guard let index = HPACKInteger.decode(block, &position, prefixBits: 7) else {
                    throw .malformed("an index that does not end, or is too large")
                }
                listBytes += try indexed(index, &headers, &rules, listBytes < maxListBytes)
            } else {
                listBytes += try literal(block, &position, &headers, &rules, listBytes < maxListBytes)
            }
            if listBytes > maxListBytes || headers.count > maxFields {
                rules.isTooLong = true
                guard listBytes <= maxListBytes * Self.bombFactor else { throw .bomb }
                if headers.count > maxFields { headers.removeAll() }
            }
        }
    }

    private mutating func resize(_ block: UnsafeRawBufferPointer, _ position: inout Int) throws(Failure) {
        guard let size = HPACKInteger.decode(block, &position, prefixBits: 5), size <= sizeLimit else {
            throw .malformed("a table size above the limit")
        }
        needsUpdate = false
        table.resize(to: size)
    }

    /// Section 6.1. Returns the size of the field.
    @inline(__always)
    private func indexed(
        _ index: Int, _ headers: inout HTTP2Headers, _ rules: inout HTTP2FieldRules, _ keep: Bool
    ) throws(Failure) -> Int {
        if index <= HPACKStaticTable.count {
            guard index > 0 else { throw .malformed("index 0") }
            let entry = HPACKStaticTable.standard.entries[index]
            let (name, value) = (UnsafeRawBufferPointer(entry.name), UnsafeRawBufferPointer(entry.value))
            rules.note(entry.known, entry.kind, value, valueIsValid: true)
            if keep { headers.append(entry.known, name, value, .indexed) }
            return name.count + value.count + HPACKDynamicTable.overhead
        }
        guard let entry = table.entry(index - HPACKStaticTable.count - 1) else {
            throw .malformed("an index beyond the table")
        }
        table.withBytes(of: entry) { name, value in
            rules.note(entry.known, entry.kind, value, valueIsValid: entry.valueIsValid)
            if keep { headers.append(entry.known, name, value, .indexed) }
        }
        return entry.size
    }

    /// Section 6.2. Returns the size of the field.
    private mutating func literal(
        _ block: UnsafeRawBufferPointer, _ position: inout Int, _ headers: inout HTTP2Headers,
        _ rules: inout HTTP2FieldRules, _ keep: Bool
    ) throws(Failure) -> Int {
        let first = block[position]
        let isIndexed = first & 0x40 != 0
        guard let index = HPACKInteger.decode(block, &position, prefixBits: isIndexed ? 6 : 4) else {
            throw .malformed("an index that does not end, or is too large")
        }
        let (known, kind, name) = try self.name(index, block, &position)
        let value = try Self.string(block, &position, &values)
        let valueIsValid = HTTP2FieldKind.isValue(value)
        rules.note(known, kind, value, valueIsValid: valueIsValid)
        if keep { headers.append(known, name, value, isIndexed ? .indexed : first & 0x10 != 0 ? .never : .literal) }
        if isIndexed { table.insert(known, kind, name, value, valueIsValid: valueIsValid) }
        names.trim()
        values.trim()
        return name.count + value.count + HPACKDynamicTable.overhead
    }

    /// The name of a literal field: by its index, or spelt out. It lies in a table that does not change, in the block or in
    /// `names`, because inserting the field may evict the entry that it comes from (section 4.4).
    private mutating func name(
        _ index: Int, _ block: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(Failure) -> (HTTP2Name, HTTP2FieldKind, UnsafeRawBufferPointer) {
        if index == 0 {
            let name = try Self.string(block, &position, &names)
            let known = HTTP2Name(bytes: name)
            return (known, HTTP2FieldKind(known, name), name)
        }
        if index <= HPACKStaticTable.count {
            let entry = HPACKStaticTable.standard.entries[index]
            return (entry.known, entry.kind, UnsafeRawBufferPointer(entry.name))
        }
        guard let entry = table.entry(index - HPACKStaticTable.count - 1) else {
            throw .malformed("an index beyond the table")
        }
        if entry.known != .other { return (entry.known, entry.kind, UnsafeRawBufferPointer(entry.known.text)) }
        let copy = names.room(entry.nameCount)
        table.withBytes(of: entry) { name, _ in
            if let base = name.baseAddress { copy.copyMemory(from: base, byteCount: name.count) }
        }
        return (entry.known, entry.kind, UnsafeRawBufferPointer(start: copy, count: entry.nameCount))
    }

    /// Section 5.2: the string at `position`, in the block or decoded in `scratch`.
    @inline(__always)
    private static func string(
        _ block: UnsafeRawBufferPointer, _ position: inout Int, _ scratch: inout HPACKScratch
    ) throws(Failure) -> UnsafeRawBufferPointer {
        let isCoded = position < block.count && block[position] & 0x80 != 0
        guard let count = HPACKInteger.decode(block, &position, prefixBits: 7), count <= block.count - position else {
            throw .malformed("a string that does not end")
        }
        let raw = UnsafeRawBufferPointer(rebasing: block[position..<position + count])
        position += count
        guard isCoded else { return raw }
        let output = scratch.room(HPACKHuffman.decodedBound(count))
        guard let decoded = HPACKHuffman.decode(raw, into: output) else { throw .malformed("a broken Huffman code") }
        return UnsafeRawBufferPointer(start: output, count: decoded)
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    init(_ text: StaticString) {
        self.init(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}
