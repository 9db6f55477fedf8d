import ApusPrimitives
import ApusRaft
import ApusStorage

/// The first sector of a segment: which one it is, and what the segments before it add up to.
///
/// `salt` is drawn anew each time that a file becomes a segment. It is in the checksum of every record, so that what an
/// earlier life left in the file is never taken for a record of this one.
struct SegmentHeader: Equatable {
    static let bytes = DiskSectors.bytes
    private static let magic = Array("apus raft log 1\n".utf8)

    var number: UInt64
    var salt: UInt64
    /// The sequence number of the first record in it.
    var firstSequence: UInt64
    /// As of the beginning of the segment.
    var position: LogPosition

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.bytes)
        writer.write(raw: Self.magic)
        for field in [number, salt, firstSequence, position.lastIndex.rawValue, position.lastTerm.rawValue] {
            writer.write(field)
        }
        position.hardState.write(to: &writer)
        // All of the sector is under the checksum, so that no damage to it goes unnoticed.
        writer.write(raw: [UInt8](repeating: 0, count: Self.bytes - 4 - writer.bytes.count))
        writer.write(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// nil: these bytes are no header.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count == Self.bytes, bytes.starts(with: Self.magic) else { return nil }
        var reader = ByteReader(bytes[Self.magic.count...])
        var end = ByteReader(bytes.suffix(4))
        do throws(ByteReader.Malformed) {
            guard try end.read(UInt32.self) == CRC32C.checksum(bytes.dropLast(4)) else { return nil }
            number = try reader.read()
            salt = try reader.read()
            firstSequence = try reader.read()
            let (index, term) = (LogIndex(try reader.read(UInt64.self)), Term(try reader.read(UInt64.self)))
            position = LogPosition(
                hardState: try HardState(reading: &reader), lastIndex: index, lastTerm: term)
        } catch {
            return nil
        }
    }

    init(number: UInt64, salt: UInt64, firstSequence: UInt64, position: LogPosition) {
        self.number = number
        self.salt = salt
        self.firstSequence = firstSequence
        self.position = position
    }
}
