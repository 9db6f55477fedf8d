import ApusPrimitives
import ApusRaft
import ApusStorage
import Foundation
import TestSupport
import Testing

@testable import ApusNode

/// What a crash or a bad disk does to the files, and what opening makes of it.
@Suite struct RaftLogDamageTests {
    var bench: LogBench
    var make = WriteMaker()

    init() throws {
        bench = try LogBench()
    }

    /// Writes some entries, each with a sync of its own.
    ///
    /// - Returns: the segment, and where each record begins and the last one ends.
    private mutating func makeLog(writes: Int, bytes: Int = 30) async throws -> (segment: [UInt8], offsets: [Int]) {
        let (log, _) = try bench.open()
        for index in 1...UInt64(writes) { try await log.write(make([.test(1, index, bytes: bytes)])) }
        await log.close()
        return (try bench.bytes(firstSegment), try bench.records())
    }

    /// Opens the log, checks that it has a prefix of what was written, and that it goes on.
    ///
    /// - Returns: how many entries it had.
    private func entriesFound(bytes: Int = 30) async throws -> Int {
        let (log, found) = try bench.open()
        let count = found.entries.count
        #expect(found.entries == (0..<count).map { .test(1, UInt64($0 + 1), bytes: bytes) })
        let next = Entry.test(2, UInt64(count + 1), bytes: 300)
        try await log.write(Write(sequence: 1, entries: [next], mustSync: true))
        await log.close()
        #expect(try await bench.recovered().entries == found.entries + [next])
        return count
    }

    @Test mutating func `a log whose last write ends at any byte keeps exactly what was complete`() async throws {
        let (segment, offsets) = try await makeLog(writes: 3, bytes: 600)
        let last = offsets[2]..<offsets[3]
        for end in last where end < last.lowerBound + 40 || end >= last.upperBound - 40 || end % 11 == 0 {
            try bench.replace(firstSegment, with: segment[..<end] + [UInt8](repeating: 0, count: segment.count - end))
            #expect(try await entriesFound(bytes: 600) == 2, "cut at \(end)")
        }
        try bench.replace(firstSegment, with: segment)
        #expect(try await entriesFound(bytes: 600) == 3)
    }

    @Test mutating func `a last write of which any sector is missing is cut off`() async throws {
        let (segment, offsets) = try await makeLog(writes: 2, bytes: 3_000)
        for sector in stride(from: offsets[1] / 512 * 512, to: offsets[2], by: 512) {
            var torn = segment
            for index in max(sector, offsets[1])..<min(sector + 512, offsets[2]) { torn[index] = 0 }
            try bench.replace(firstSegment, with: torn)
            #expect(try await entriesFound(bytes: 3_000) == 1, "sector at \(sector)")
        }
    }

    @Test mutating func `any changed bit of what was written is found, with the file and the place`() async throws {
        let (segment, offsets) = try await makeLog(writes: 3)
        for offset in 0..<offsets[3] {
            var damaged = segment
            damaged[offset] ^= UInt8(1 << (offset % 8))
            try bench.replace(firstSegment, with: damaged)
            let start = offsets.last { $0 <= offset } ?? 0
            let error = #expect(throws: RaftLogError.self) { try bench.open() }
            #expect(error?.code == .corrupt)
            let message = error?.message ?? ""
            #expect(message.contains("/\(firstSegment) is damaged at byte \(start):"), "byte \(offset): \(message)")
            #expect(try bench.bytes(firstSegment) == damaged, "a refused folder is not touched")
        }
    }

    @Test mutating func `a record whose content is zeros is not mistaken for a torn one`() async throws {
        let (log, _) = try bench.open()
        let zeros = Entry(
            term: Term(1), index: LogIndex(1), payload: .command(Bytes([UInt8](repeating: 0, count: 3_000))))
        try await log.write(make([zeros]))
        await log.close()
        let segment = try bench.bytes(firstSegment)
        for offset in stride(from: SegmentHeader.bytes, to: try bench.records()[1], by: 5) {
            var damaged = segment
            damaged[offset] ^= 0x81
            try bench.replace(firstSegment, with: damaged)
            let error = #expect(throws: RaftLogError.self) { try bench.open() }
            #expect(error?.code == .corrupt, "byte \(offset)")
        }
    }

    @Test mutating func `a missing record or sector before a good one is damage`() async throws {
        let (segment, offsets) = try await makeLog(writes: 4, bytes: 600)
        for (start, end) in [(offsets[1], offsets[2]), (1_024, 1_536), (offsets[1], offsets[1] + 32)] {
            var damaged = segment
            for index in start..<end { damaged[index] = 0 }
            try bench.replace(firstSegment, with: damaged)
            let error = #expect(throws: RaftLogError.self) { try bench.open() }
            #expect(error?.code == .corrupt, "\(start) to \(end)")
        }
    }

    @Test mutating func `a torn end of a segment that others follow is damage`() async throws {
        _ = try await makeLog(writes: 30, bytes: 700)
        let name = SegmentFolder.segment(2)
        let segment = try bench.bytes(name)
        let offsets = try bench.records(of: 2)
        for start in offsets.suffix(3).dropLast() {
            try bench.replace(name, with: segment[..<start] + [UInt8](repeating: 0, count: segment.count - start))
            let error = #expect(throws: RaftLogError.self) { try bench.open() }
            #expect(error?.code == .corrupt)
            #expect(error?.message.contains("/\(name) is damaged at byte \(start)") == true, "\(error!)")
        }
    }

    @Test mutating func `a segment that is missing is noticed, at either end of a log`() async throws {
        _ = try await makeLog(writes: 40, bytes: 700)
        for number in [1, 2] as [UInt64] {
            let name = SegmentFolder.segment(number)
            let segment = try bench.bytes(name)
            try FileManager.default.removeItem(atPath: bench.path + "/" + name)
            let error = #expect(throws: RaftLogError.self) { try bench.open() }
            #expect(error?.code == .corrupt)
            #expect(error?.message.contains("entries are missing") == true)
            try bench.replace(name, with: segment)
        }
        #expect(try await entriesFound(bytes: 700) == 40)
    }

    @Test mutating func `one segment in the place of another is damage`() async throws {
        _ = try await makeLog(writes: 40, bytes: 700)
        try bench.replace(SegmentFolder.segment(2), with: try bench.bytes(SegmentFolder.segment(3)))
        let error = #expect(throws: RaftLogError.self) { try bench.open() }
        #expect(error?.code == .corrupt)
    }

    @Test mutating func `a log without its segments is damage, not a fresh start`() async throws {
        let (log, _) = try bench.open()
        try await log.write(make([.test(1, 1)]))
        try log.snapshot(.test(1, 1), content: [])
        await log.close()
        try FileManager.default.removeItem(atPath: bench.path + "/" + firstSegment)
        let error = #expect(throws: RaftLogError.self) { try bench.open() }
        #expect(error?.code == .corrupt)
    }

    @Test mutating func `any changed bit of a snapshot is found`() async throws {
        let (log, _) = try bench.open()
        let content = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        try log.snapshot(.test(1, 1), content: content)
        await log.close()
        let name = SnapshotStore.name(.test(1, 1))
        let bytes = try bench.bytes(name)
        let places =
            Array(0..<200) + stride(from: 200, to: bytes.count - 100, by: 4_111) + (bytes.count - 100..<bytes.count)
        for offset in places {
            var damaged = bytes
            damaged[offset] ^= UInt8(1 << (offset % 8))
            try bench.replace(name, with: damaged)
            do {
                let (log, found) = try bench.open()
                defer { withExtendedLifetime(log) {} }
                let snapshot = try #require(found.snapshot)
                let read = Result { try log.content(of: snapshot) }
                await log.close()
                // Filling behind a frame carries nothing.
                #expect(try read.get() == content)
                #expect(bytes[offset] == 0xFF, "byte \(offset)")
            } catch let error as RaftLogError {
                #expect(error.code == .corrupt)
                #expect(error.message.contains(name))
            }
        }
        for length in [0, 10, 100, 65_600, bytes.count - 32, bytes.count - 1] {
            try bench.replace(name, with: Array(bytes[..<length]))
            #expect(throws: RaftLogError.self) { try bench.open() }
        }
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    mutating func `random damage is a torn end or an error, never other data`(_ seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let writes = Int.random(in: 1...25, using: &random)
        let bytes = Int.random(in: 1...900, using: &random)
        _ = try await makeLog(writes: writes, bytes: bytes)
        let names = try bench.names().filter { $0.hasPrefix("wal-") }
        let offsets = try bench.records(of: UInt64(names.count))
        for _ in 0..<8 {
            let name = names.randomElement(using: &random)!
            let whole = try bench.bytes(name)
            var damaged = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let start = Int.random(in: damaged.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: damaged[start] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
                case 1:
                    for index in start..<min(start + 40, damaged.count) {
                        damaged[index] = .random(in: 0...255, using: &random)
                    }
                case 2: for index in start..<min(start + 512, damaged.count) { damaged[index] = 0 }
                default:
                    let from = Int.random(in: damaged.indices, using: &random)
                    let count = min(600, damaged.count - max(start, from))
                    damaged.replaceSubrange(start..<start + count, with: whole[from..<from + count])
                }
            }
            try bench.replace(name, with: damaged)
            do {
                let (log, found) = try bench.open()
                await log.close()
                #expect(found.entries == (0..<found.entries.count).map { .test(1, UInt64($0 + 1), bytes: bytes) })
                // What is gone was at the end, and every record of it was hit.
                if found.entries.count < writes {
                    #expect(name == names.last)
                    let lost = offsets.suffix(writes - found.entries.count + 1)
                    for (start, end) in zip(lost, lost.dropFirst()) {
                        #expect(damaged[start..<end] != whole[start..<end], "\(start)")
                    }
                }
            } catch let error as RaftLogError {
                #expect(error.code == .corrupt)
                #expect(error.message.contains(name) || error.message.contains("missing"), "\(error.message)")
            }
            // Opening may have cleared the end.
            try bench.replace(name, with: whole)
        }
    }
}
