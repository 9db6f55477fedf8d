import ApusPrimitives
import ApusRaft
import ApusStorage

/// Appends records to the last segment, begins new ones, and gives up old ones.
///
/// Not safe to share: it belongs to the log's thread.
struct SegmentWriter {
    /// So far ahead of the records, or up to the end of the segment, everything is zero on disk: in blocks that were written
    /// once a sync writes data only, and what is missing of a torn record is zero.
    private static let zeros = [UInt8](repeating: 0, count: 1 << 20)

    private struct Old {
        let number: UInt64
        /// No entry in it has a greater index.
        var highestIndex: LogIndex
    }

    /// A file that records go to.
    private struct Current {
        let file: DiskFile
        let number: UInt64
        let salt: UInt64
        let bytes: Int
        /// Where the next record goes.
        var offset = SegmentHeader.bytes
        /// From `offset` to here all is zero, on disk.
        var zeroEnd: Int
        /// No entry in it has a greater index.
        var highestIndex = LogIndex.zero
    }

    private let folder: SegmentFolder
    private let options: RaftLogOptions
    private var current: Current
    private var nextSequence: UInt64
    private var old: [Old]
    private var spares: [UInt64]

    /// Whether there is a file to go on in when this one is used up.
    var hasSpare: Bool { !spares.isEmpty }

    /// Goes on where a recovery ended; everything that it found is on disk afterwards.
    init(_ recovered: LogRecovery.Outcome, in folder: SegmentFolder, options: RaftLogOptions) throws(DiskError) {
        self.folder = folder
        self.options = options
        spares = recovered.spares
        old = recovered.segments.dropLast().map { Old(number: $0.number, highestIndex: $0.highestIndex) }
        nextSequence = recovered.nextSequence
        if let last = recovered.segments.last {
            let file = try folder.open(SegmentFolder.segment(last.number), .readWrite)
            let bytes = try file.size()
            let zeroEnd = min(recovered.offset + Self.zeros.count, bytes)
            try Self.writeZeros(to: file, from: recovered.offset, upTo: zeroEnd)
            try file.sync()
            try folder.folder.sync()
            current = Current(
                file: file, number: last.number, salt: last.salt, bytes: bytes, offset: recovered.offset,
                zeroEnd: zeroEnd, highestIndex: last.highestIndex)
        } else {
            current = try Self.begin(
                1, bytes: options.segmentBytes, sequence: nextSequence, after: LogPosition(),
                in: spares.popLast(), of: folder)
        }
    }

    /// Seals the record and puts it on disk.
    ///
    /// - Parameters:
    ///   - position: of the log without the record.
    ///   - highestIndex: the greatest index of an entry in the record.
    /// - Throws: when there is no room, the log is as it was before, and the same may be tried again. After any other error
    ///   nobody knows what is on disk.
    mutating func append(
        _ record: inout RecordBuffer, after position: LogPosition, highestIndex: LogIndex
    ) throws(DiskError) {
        let most = record.count + LogRecord.alignment
        if current.offset + most > current.bytes { try rotate(forRecord: most, after: position) }
        if current.offset + most > current.zeroEnd {
            current.zeroEnd = try writeZeros(upTo: current.offset + most + Self.zeros.count)
            try current.file.sync()
        }
        LogRecord.seal(&record, sequence: nextSequence, salt: current.salt, offset: current.offset)
        let (file, offset) = (current.file, current.offset)
        try file.write(record.writer.bytes, at: offset)
        let end = offset + record.count
        // Together with the record, so that it costs no sync of its own.
        let isNear = current.zeroEnd - end < Self.zeros.count / 2
        let zeroEnd = isNear ? try writeZeros(upTo: current.zeroEnd + Self.zeros.count) : current.zeroEnd
        try file.sync()
        current.offset = end
        current.zeroEnd = zeroEnd
        current.highestIndex = max(current.highestIndex, highestIndex)
        nextSequence += 1
    }

    /// - Returns: up to where it is zero now.
    private func writeZeros(upTo wanted: Int) throws(DiskError) -> Int {
        let end = min(wanted, current.bytes)
        try Self.writeZeros(to: current.file, from: current.zeroEnd, upTo: end)
        return end
    }

    private static func writeZeros(to file: DiskFile, from start: Int, upTo end: Int) throws(DiskError) {
        var start = start
        while start < end {
            let count = min(zeros.count, end - start)
            let result = zeros.withUnsafeBytes { zeros in
                Result { () throws(DiskError) in
                    try file.write(UnsafeRawBufferPointer(rebasing: zeros[..<count]), at: start)
                }
            }
            try result.get()
            start += count
        }
    }

    private mutating func rotate(forRecord record: Int, after position: LogPosition) throws(DiskError) {
        let next = try Self.begin(
            current.number + 1, bytes: max(options.segmentBytes, SegmentHeader.bytes + record), sequence: nextSequence,
            after: position, in: spares.last, of: folder)
        _ = spares.popLast()
        old.append(Old(number: current.number, highestIndex: current.highestIndex))
        current = next
    }

    /// A segment has its name from the moment on that its header is on disk.
    private static func begin(
        _ number: UInt64, bytes: Int, sequence: UInt64, after position: LogPosition,
        in spare: UInt64?, of folder: SegmentFolder
    ) throws(DiskError) -> Current {
        let name = SegmentFolder.spare(spare ?? number)
        let file = try folder.open(name, .readWrite)
        try file.allocate(bytes)
        let header = SegmentHeader(
            number: number, salt: .random(in: 0...UInt64.max), firstSequence: sequence, position: position)
        try file.write(header.encoded(), at: 0)
        let size = try file.size()
        let zeroEnd = min(SegmentHeader.bytes + zeros.count, size)
        try writeZeros(to: file, from: SegmentHeader.bytes, upTo: zeroEnd)
        try file.sync()
        try folder.folder.move(name, to: SegmentFolder.segment(number))
        try folder.folder.sync()
        return Current(file: file, number: number, salt: header.salt, bytes: size, zeroEnd: zeroEnd)
    }

    /// Sees to it that there is a file to go on in.
    ///
    /// - Throws: when there is no room for it.
    mutating func prepareSpare() throws(DiskError) {
        guard spares.isEmpty else { return }
        let number = current.number + 1
        let name = SegmentFolder.spare(number)
        do throws(DiskError) {
            try folder.open(name, .readWrite).allocate(options.segmentBytes)
        } catch {
            try folder.folder.remove(name)
            throw error
        }
        spares.append(number)
    }

    /// Gives up the segments in which nothing is later than `index`.
    mutating func drop(through index: LogIndex) throws(DiskError) {
        let dropped = old.prefix { $0.highestIndex <= index }
        if dropped.isEmpty { return }
        var recycled: [UInt64] = []
        for segment in dropped {
            let name = SegmentFolder.segment(segment.number)
            let isUsual = try folder.open(name, .read).size() == options.segmentBytes
            let hasPlace = spares.count + recycled.count < options.maximumSpareSegments
            if isUsual, hasPlace, !spares.contains(segment.number) {
                try folder.folder.move(name, to: SegmentFolder.spare(segment.number))
                recycled.append(segment.number)
            } else {
                try folder.folder.remove(name)
            }
        }
        // Only then: a file that is written again must not come back under its old name.
        try folder.folder.sync()
        old.removeFirst(dropped.count)
        spares += recycled
    }

    /// Nothing counts any more of what is before the last record, whatever its index.
    ///
    /// - Parameter highestIndex: the greatest index of an entry in the last record.
    mutating func forgetOlder(keeping highestIndex: LogIndex) {
        for index in old.indices { old[index].highestIndex = .zero }
        current.highestIndex = highestIndex
    }
}
