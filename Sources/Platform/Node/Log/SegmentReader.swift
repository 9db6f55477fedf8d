import ApusPrimitives
import ApusStorage

/// Reads one segment, and tells what a crash left of the last write from damage.
///
/// The rule. Where no good record begins, in the last segment:
/// - the header is zero to the end of its sector, and no good header is behind it: the end, or a write of which nothing or not
///   the beginning arrived;
/// - the header is good, nothing good is behind it, and a sector or the end of the record is zero that was not written so: a
///   write of which not everything arrived.
/// Anything else is damage, as is any of it in a segment that others follow.
struct SegmentReader {
    let path: String
    let header: SegmentHeader
    private let bytes: [UInt8]
    private(set) var offset = SegmentHeader.bytes
    private(set) var nextSequence: UInt64

    struct Record {
        let payload: ArraySlice<UInt8>
        let offset: Int
    }

    enum Item {
        case record(Record)
        /// Nothing was acknowledged from here on; `tornBytes` of an unfinished write are here.
        case end(tornBytes: Int)
    }

    /// - Throws: `RaftLogError` `.corrupt`, `DiskError`.
    init(_ file: DiskFile, number: UInt64) throws {
        path = file.path
        header = try Self.header(of: file, number: number)
        bytes = try file.read(at: 0, count: try file.size())
        nextSequence = header.firstSequence
    }

    /// - Throws: `RaftLogError` `.corrupt`, `DiskError`.
    static func header(of file: DiskFile, number: UInt64) throws -> SegmentHeader {
        guard let header = SegmentHeader(decoding: try file.read(at: 0, count: SegmentHeader.bytes)),
            header.number == number
        else { throw RaftLogError.corrupt(file.path, at: 0, "this is not the header of segment \(number)") }
        return header
    }

    /// - Throws: `RaftLogError` `.corrupt`.
    mutating func next() throws -> Item {
        guard offset + LogRecord.headerBytes <= bytes.count else { return .end(tornBytes: 0) }
        switch try bytes.withUnsafeBytes({ try look($0) }) {
        case .whole(let header):
            let start = offset + LogRecord.headerBytes
            defer {
                offset += header.recordBytes
                nextSequence += 1
            }
            return .record(Record(payload: bytes[start..<start + header.payloadBytes], offset: offset))
        case .torn(let bytes):
            return .end(tornBytes: bytes)
        }
    }

    func damage(_ why: String) -> RaftLogError {
        .corrupt(path, at: offset, why)
    }

    private enum Found {
        case whole(LogRecord.Header)
        /// Nothing, or so many bytes of an unfinished write.
        case torn(Int)
    }

    private func look(_ all: UnsafeRawBufferPointer) throws -> Found {
        let rest = UnsafeRawBufferPointer(rebasing: all[offset...])
        guard let header = LogRecord.header(of: rest, salt: header.salt, offset: offset) else {
            try refuseIfFollowed(all)
            return .torn(try tornHeaderBytes(rest))
        }
        guard header.sequence == nextSequence, header.recordBytes <= rest.count else {
            throw damage("record \(header.sequence) is where \(nextSequence) must be")
        }
        let record = UnsafeRawBufferPointer(rebasing: rest[..<header.recordBytes])
        if LogRecord.isWhole(record, header) { return .whole(header) }
        try refuseIfFollowed(all)
        guard LogRecord.isTorn(record, header, at: offset) else { throw damage("this is not what was written") }
        return .torn(header.recordBytes)
    }

    /// How much of a header is there that did not arrive, or not as a whole.
    private func tornHeaderBytes(_ rest: UnsafeRawBufferPointer) throws -> Int {
        let inSector = UnsafeRawBufferPointer(
            rebasing: rest[..<min(DiskSectors.end(after: offset) - offset, rest.count)])
        if DiskSectors.isZero(inSector) { return 0 }
        // A header ends in no zero: a write that ended before that wrote nothing behind it.
        guard DiskSectors.isZero(UnsafeRawBufferPointer(rebasing: inSector[(LogRecord.headerBytes - 1)...])) else {
            throw damage("this is not what was written")
        }
        return LogRecord.headerBytes
    }

    /// A record is only begun when the one before it is on disk: with a good one behind it, a bad one is damage.
    private func refuseIfFollowed(_ all: UnsafeRawBufferPointer) throws {
        let starts = stride(
            from: offset + LogRecord.alignment, through: all.count - LogRecord.headerBytes, by: LogRecord.alignment)
        for start in starts {
            let rest = UnsafeRawBufferPointer(rebasing: all[start...])
            guard let later = LogRecord.header(of: rest, salt: header.salt, offset: start) else { continue }
            throw damage("this is not what was written, and record \(later.sequence) follows at byte \(start)")
        }
    }
}
