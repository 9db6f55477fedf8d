import ApusKV
import ApusPrimitives
import ApusStorage

/// Commands that reach the disk together: the payload of one frame.
///
/// A format byte, the index of the first command, and for each command the revision that it led to and the command.
struct LogBatch {
    static let format: UInt8 = 1

    struct Record: Equatable {
        let index: UInt64
        /// The revision of the store after the command.
        let revision: Revision
        let command: Command
    }

    let firstIndex: UInt64
    private(set) var count: UInt64 = 0
    private var writer = ByteWriter(reservingCapacity: 256)

    init(firstIndex: UInt64) {
        self.firstIndex = firstIndex
        writer.write(Self.format)
        writer.writeVariable(firstIndex)
    }

    var isEmpty: Bool { count == 0 }

    var frame: [UInt8] { DiskFrame.encode(writer.bytes, index: firstIndex) }

    mutating func append(_ command: Command, revision: Revision) {
        writer.writeVariable(revision.rawValue)
        command.encode(to: &writer)
        count += 1
    }

    /// - Throws: `ByteReader.Malformed` or `KVError`, when the payload is none that `append` made.
    static func decode(_ payload: [UInt8]) throws -> [Record] {
        var reader = ByteReader(payload)
        let format = try reader.read(UInt8.self)
        guard format == Self.format else { throw UnknownFormat(format: format) }
        var index = try reader.readVariable(UInt64.self)
        var records: [Record] = []
        while reader.remaining > 0 {
            let revision = Revision(rawValue: try reader.readVariable(Int64.self))
            records.append(Record(index: index, revision: revision, command: try Command(from: &reader)))
            index += 1
        }
        return records
    }

    struct UnknownFormat: Error, CustomStringConvertible {
        let format: UInt8
        var description: String { "the format \(format) is not known to this version" }
    }
}
