import ApusPrimitives
import ApusRaft
import ApusStorage
import Foundation
import TestSupport

@testable import ApusNode

extension RaftLog {
    /// Returns when the write is on disk.
    func write(_ write: Write) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do throws(RaftLogError) {
                try append(write) { continuation.resume(with: $0.mapError { $0 as any Error }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    func snapshot(_ metadata: SnapshotMetadata, content: [UInt8]) throws {
        let writer = try writeSnapshot(metadata)
        var rest = content[...]
        while !rest.isEmpty {
            try writer.append(Bytes(rest.prefix(1_000)))
            rest = rest.dropFirst(1_000)
        }
        try writer.finish()
    }

    func content(of snapshot: SnapshotMetadata) throws -> [UInt8] {
        let reader = try readSnapshot(snapshot)
        var content: [UInt8] = []
        while case let piece = try reader.read(at: UInt64(content.count), maximumBytes: 50_000), !piece.isEmpty {
            content += piece.array
        }
        return content
    }
}

extension RaftLog.Recovered {
    var hardState: HardState { state.hardState }
    var snapshot: SnapshotMetadata? { state.snapshot }
    var entries: [Entry] { state.entries }
    var partialSnapshot: PartialSnapshot? { state.partialSnapshot }
}

extension RaftLogOptions {
    /// So small that a test sees many files.
    static var small: RaftLogOptions {
        var options = RaftLogOptions()
        options.segmentBytes = 8 << 10
        options.snapshotReserveBytes = 0
        options.fullDiskRetryMilliseconds = 1
        return options
    }
}

extension Entry {
    static func test(_ term: UInt64, _ index: UInt64, bytes: Int = 20) -> Entry {
        let content = (0..<bytes).map { UInt8(truncatingIfNeeded: UInt64($0) &* 31 &+ index &* 7 &+ term &* 13) }
        return Entry(term: Term(term), index: LogIndex(index), payload: .command(Bytes(content)))
    }
}

extension Configuration {
    static let three = Configuration(voters: [NodeID(1), NodeID(2), NodeID(3)])
}

extension SnapshotMetadata {
    static func test(_ term: UInt64, _ index: UInt64) -> SnapshotMetadata {
        SnapshotMetadata(index: LogIndex(index), term: Term(term), configuration: .three)
    }

    /// What the tests put into a snapshot of this entry.
    var testContent: [UInt8] {
        var random = SeededRandom(seed: index.rawValue &* 1_000 &+ term.rawValue)
        return (0..<Int.random(in: 0...3_000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
}

/// Makes writes with ascending sequence numbers.
struct WriteMaker {
    private var sequence: UInt64 = 0

    mutating func callAsFunction(
        _ entries: [Entry] = [], state: HardState? = nil, chunk: SnapshotChunk? = nil, mustSync: Bool = true
    ) -> Write {
        sequence += 1
        return Write(sequence: sequence, hardState: state, entries: entries, chunk: chunk, mustSync: mustSync)
    }
}

extension SnapshotChunk {
    /// The pieces of a snapshot that node 2 sends, from an offset on.
    static func pieces(
        of snapshot: SnapshotMetadata, _ content: [UInt8], from start: Int = 0, bytes: Int
    ) -> [SnapshotChunk] {
        stride(from: start, to: max(content.count, start + 1), by: bytes).map { offset in
            SnapshotChunk(
                snapshot: snapshot, source: NodeID(2), offset: UInt64(offset),
                bytes: Bytes(content[offset...].prefix(bytes)), isLast: offset + bytes >= content.count)
        }
    }
}

/// A folder for logs, and what one is opened with.
struct LogBench {
    let directory: TemporaryDirectory
    let path: String
    var options = RaftLogOptions.small

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("log")
    }

    func open(disk: Disk = .posix) throws -> (log: RaftLog, recovered: RaftLog.Recovered) {
        try RaftLog.open(folder: path, options: options, disk: disk)
    }

    /// What opening finds, after which the log is closed again.
    func recovered() async throws -> RaftLog.Recovered {
        let (log, recovered) = try open()
        await log.close()
        return recovered
    }

    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path + "/" + name)))
    }

    func replace(_ name: String, with bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: path + "/" + name))
    }

    /// Where the records of a segment begin, and where the last one ends.
    func records(of number: UInt64 = 1) throws -> [Int] {
        let file = try DiskFile(path + "/" + SegmentFolder.segment(number), .read)
        var reader = try SegmentReader(file, number: number)
        var offsets = [reader.offset]
        while case .record = try reader.next() { offsets.append(reader.offset) }
        return offsets
    }
}

let firstSegment = SegmentFolder.segment(1)
