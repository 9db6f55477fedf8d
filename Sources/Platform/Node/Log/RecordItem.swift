import ApusPrimitives
import ApusRaft

/// One thing that a record says: a byte for the kind, then its content in the core's binary form.
enum RecordItem: Equatable {
    case hardState(HardState)
    /// Follow each other; what the log has from the first one's index on goes.
    case entries([Entry])
    /// A snapshot took the place of the whole log: it goes on after this entry.
    case reset(index: LogIndex, term: Term)

    private enum Kind: UInt8 {
        case hardState = 1
        case entries = 2
        case reset = 3
    }

    static func write(_ state: HardState, to writer: inout ByteWriter) {
        writer.write(Kind.hardState.rawValue)
        state.write(to: &writer)
    }

    static func writeReset(index: LogIndex, term: Term, to writer: inout ByteWriter) {
        writer.write(Kind.reset.rawValue)
        writer.writeVariable(index.rawValue)
        writer.writeVariable(term.rawValue)
    }

    static func write(_ entries: [Entry], to writer: inout ByteWriter) {
        writer.write(Kind.entries.rawValue)
        writer.writeVariable(UInt64(entries.count))
        for entry in entries { entry.write(to: &writer) }
    }

    /// - Throws: `ByteReader.Malformed`, when the payload is none that was written.
    static func decode(_ payload: ArraySlice<UInt8>) throws(ByteReader.Malformed) -> [RecordItem] {
        var reader = ByteReader(payload)
        var items: [RecordItem] = []
        while reader.remaining > 0 {
            let start = reader.offset
            switch Kind(rawValue: try reader.read()) {
            case .hardState: items.append(.hardState(try HardState(reading: &reader)))
            case .entries: items.append(.entries(try entries(from: &reader)))
            case .reset:
                items.append(
                    .reset(index: LogIndex(try reader.readVariable()), term: Term(try reader.readVariable())))
            case nil: throw ByteReader.Malformed(offset: start, expected: "a kind that this version knows")
            }
        }
        return items
    }

    private static func entries(from reader: inout ByteReader) throws(ByteReader.Malformed) -> [Entry] {
        let count = try reader.readVariable(UInt64.self)
        var entries: [Entry] = []
        while entries.count < count {
            let start = reader.offset
            let entry = try Entry(reading: &reader)
            guard entries.last.map({ $0.index.next == entry.index }) ?? true else {
                throw ByteReader.Malformed(offset: start, expected: "the entry after \(entry.index)")
            }
            entries.append(entry)
        }
        return entries
    }
}
