import ApusPrimitives
import ApusRaft
import ApusStorage

/// Reads back what is in a log's folder, and changes nothing.
struct LogRecovery {
    struct Segment {
        let number: UInt64
        let salt: UInt64
        /// No entry in it has a greater index.
        var highestIndex = LogIndex.zero
    }

    struct Outcome {
        var state = LogState()
        /// Ascending; the last one is gone on with.
        var segments: [Segment] = []
        /// Where the next record goes, in the last segment.
        var offset = SegmentHeader.bytes
        var nextSequence: UInt64 = 1
        /// Files that can become segments.
        var spares: [UInt64] = []
        /// Files of no use any more.
        var leftovers: [String] = []
        /// The rest of a write that was never acknowledged.
        var tornBytes = 0
        /// The log does not go on from the snapshot: it has to be recorded that it begins after it now.
        var isReset = false
        /// Of the log as it is on disk.
        var diskPosition = LogPosition()
    }

    let folder: SegmentFolder
    let options: RaftLogOptions

    /// - Parameter snapshot: the newest one.
    /// - Throws: `RaftLogError` `.corrupt`, `DiskError`.
    func run(after snapshot: SnapshotMetadata?) throws -> Outcome {
        var outcome = Outcome()
        try sortSpares(into: &outcome)
        var numbers = try folder.segments()
        // A crash while old segments were removed leaves some of them before a gap. If more is missing than that, then
        // entries are missing before the rest.
        let last = zip(numbers, numbers.dropFirst()).map { $1 - $0 }.lastIndex { $0 != 1 }
        if let last {
            outcome.leftovers += numbers[...last].map { SegmentFolder.segment($0) }
            numbers.removeFirst(last + 1)
        }
        for number in numbers { try replay(number, following: numbers.last == number ? nil : number + 1, &outcome) }
        guard let first = numbers.first else {
            if snapshot != nil {
                throw RaftLogError.corrupt(
                    folder.folder.file(SegmentFolder.segment(1)), at: 0, "a snapshot is there, and no log")
            }
            return outcome
        }
        outcome.diskPosition = outcome.state.position
        do throws(LogState.Gap) {
            outcome.isReset = try outcome.state.begin(after: snapshot)
        } catch {
            throw RaftLogError.corrupt(
                folder.folder.file(SegmentFolder.segment(first)), at: 0,
                "entries are missing before it: \(error)")
        }
        return outcome
    }

    private func replay(_ number: UInt64, following: UInt64?, _ outcome: inout Outcome) throws {
        var reader = try SegmentReader(try folder.open(SegmentFolder.segment(number), .read), number: number)
        let header = reader.header
        if outcome.segments.isEmpty {
            outcome.state = LogState(after: header.position)
            outcome.nextSequence = header.firstSequence
        }
        guard header.firstSequence == outcome.nextSequence, header.position == outcome.state.position else {
            throw reader.damage("it does not go on from the segment before it")
        }
        outcome.segments.append(Segment(number: number, salt: header.salt))
        // Behind the last record that the next segment follows, nothing counts.
        let end = try following.map { number in
            try SegmentReader.header(of: try folder.open(SegmentFolder.segment(number), .read), number: number)
                .firstSequence
        }
        reading: while reader.nextSequence != end {
            switch try reader.next() {
            case .record(let record): try apply(record, of: reader, to: &outcome)
            case .end(let tornBytes):
                if let end { throw reader.damage("records \(reader.nextSequence) to \(end - 1) are missing") }
                outcome.tornBytes = tornBytes
                break reading
            }
        }
        outcome.offset = reader.offset
        outcome.nextSequence = reader.nextSequence
    }

    private func apply(_ record: SegmentReader.Record, of reader: SegmentReader, to outcome: inout Outcome) throws {
        let last = outcome.segments.count - 1
        do {
            for item in try RecordItem.decode(record.payload) {
                try outcome.state.apply(item)
                switch item {
                case .hardState: break
                case .entries:
                    outcome.segments[last].highestIndex = max(
                        outcome.segments[last].highestIndex, outcome.state.lastIndex)
                case .reset:
                    for index in outcome.segments.indices { outcome.segments[index].highestIndex = .zero }
                }
            }
        } catch {
            throw RaftLogError.corrupt(reader.path, at: record.offset, "\(error)")
        }
    }

    private func sortSpares(into outcome: inout Outcome) throws {
        for number in try folder.spares() {
            let name = SegmentFolder.spare(number)
            let isWhole = try folder.open(name, .read).size() == options.segmentBytes
            if isWhole, outcome.spares.count < options.maximumSpareSegments {
                outcome.spares.append(number)
            } else {
                outcome.leftovers.append(name)
            }
        }
    }
}
