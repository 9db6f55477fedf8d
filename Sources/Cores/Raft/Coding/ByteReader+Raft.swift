import ApusPrimitives

extension ByteReader {
    typealias Failure = ByteReader.Malformed

    /// A number below 2^62.
    mutating func readNumber(_ what: String) throws(Failure) -> UInt64 {
        let start = offset
        let value = try readVariable(UInt64.self)
        guard value < RaftFormat.numberLimit else {
            throw Failure(offset: start, expected: "\(what) below 2^62")
        }
        return value
    }

    mutating func readIndex() throws(Failure) -> LogIndex { LogIndex(try readNumber("a log index")) }

    mutating func readTerm() throws(Failure) -> Term { Term(try readNumber("a term")) }

    mutating func readNode() throws(Failure) -> NodeID {
        let start = offset
        let value = try readVariable(UInt64.self)
        guard value != 0 else { throw Failure(offset: start, expected: "a node other than 0") }
        return NodeID(value)
    }

    mutating func readBool() throws(Failure) -> Bool {
        let start = offset
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw Failure(offset: start, expected: "0 or 1")
        }
    }

    /// A number of items, each of which takes `width` bytes at least: what is reserved for them is bounded by the input.
    mutating func readCount(width: Int = 1) throws(Failure) -> Int {
        let start = offset
        let count = try readVariable(UInt64.self)
        guard count <= UInt64(remaining / width) else {
            throw Failure(offset: start, expected: "\(count) items and their number")
        }
        return Int(count)
    }

    mutating func readTag<Tag: RawRepresentable<UInt8>>(_ type: Tag.Type, _ what: String) throws(Failure) -> Tag {
        let start = offset
        guard let tag = Tag(rawValue: try read(UInt8.self)) else {
            throw Failure(offset: start, expected: "the kind of \(what)")
        }
        return tag
    }

    /// Nodes in ascending order.
    mutating func readNodes() throws(Failure) -> [NodeID] {
        var nodes: [NodeID] = []
        let count = try readCount()
        nodes.reserveCapacity(count)
        for _ in 0..<count {
            let start = offset
            let node = try readNode()
            if let last = nodes.last, last >= node {
                throw Failure(offset: start, expected: "a node after \(last)")
            }
            nodes.append(node)
        }
        return nodes
    }

    /// Entries that follow each other; the first is at `first`, when that is known.
    mutating func readEntries(from first: LogIndex?) throws(Failure) -> [Entry] {
        var entries: [Entry] = []
        let count = try readCount(width: 3)
        entries.reserveCapacity(count)
        var expected = first
        for _ in 0..<count {
            let start = offset
            let entry = try Entry(reading: &self)
            if let expected, entry.index != expected {
                throw Failure(offset: start, expected: "the entry of index \(expected)")
            }
            entries.append(entry)
            expected = entry.index.next
        }
        return entries
    }
}

extension ByteWriter {
    mutating func write(_ index: LogIndex) { writeVariable(index.rawValue) }

    mutating func write(_ term: Term) { writeVariable(term.rawValue) }

    mutating func write(_ node: NodeID) { writeVariable(node.rawValue) }

    mutating func write(_ flag: Bool) { write(flag ? 1 as UInt8 : 0) }

    mutating func write(_ nodes: [NodeID]) {
        writeVariable(UInt64(nodes.count))
        for node in nodes { write(node) }
    }

    mutating func write(_ entries: [Entry]) {
        writeVariable(UInt64(entries.count))
        for entry in entries { entry.write(to: &self) }
    }
}
