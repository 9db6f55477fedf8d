import ApusPrimitives
import ApusRaft
import ApusStorage
import Foundation
import TestSupport
import Testing

@testable import ApusNode

/// Snapshots: of this node's own, from another node, and what they let go of.
@Suite struct LogSnapshotTests {
    var bench: LogBench
    var make = WriteMaker()

    init() throws {
        bench = try LogBench()
    }

    @Test(arguments: [0, 1, 1_000, 65_535, 65_536, 65_537, 200_000])
    func `a snapshot of any size is read back from any place`(_ size: Int) async throws {
        let (log, _) = try bench.open()
        let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3) }
        try log.snapshot(.test(4, 9), content: content)
        #expect(log.snapshot == .test(4, 9))
        let reader = try log.readSnapshot(.test(4, 9))
        #expect(reader.byteCount == size)
        #expect(try log.content(of: .test(4, 9)) == content)
        for offset in stride(from: 0, through: size, by: 16_383) {
            let piece = try reader.read(at: UInt64(offset), maximumBytes: 70_000)
            #expect(piece == Bytes(content[offset...].prefix(70_000)))
        }
        #expect(try reader.read(at: UInt64(size) + 5, maximumBytes: 10).isEmpty)
        await log.close()
    }

    @Test mutating func `the first configuration is a snapshot of nothing`() async throws {
        let (log, _) = try bench.open()
        try log.snapshot(.test(0, 0), content: [])
        try await log.write(make([.test(1, 1)], state: HardState(term: Term(1))))
        await log.close()
        let found = try await bench.recovered()
        #expect(found.snapshot == .test(0, 0))
        #expect(found.entries == [.test(1, 1)])
    }

    @Test mutating func `compaction gives up files that a snapshot covers, and only those`() async throws {
        let (log, _) = try bench.open()
        for index in 1...60 as ClosedRange<UInt64> { try await log.write(make([.test(1, index, bytes: 700)])) }
        let before = try bench.names().filter { $0.hasPrefix("wal-") }
        log.compact(through: LogIndex(60))
        try await log.write(make([.test(1, 61)]))
        #expect(try bench.names().filter { $0.hasPrefix("wal-") } == before, "no snapshot, nothing goes")
        try log.snapshot(.test(1, 40), content: [1, 2, 3])
        log.compact(through: LogIndex(60))
        try await log.write(make([.test(1, 62)]))
        let after = try bench.names().filter { $0.hasPrefix("wal-") }
        #expect(after.count <= before.count / 2)
        #expect(try bench.names().count { $0.hasPrefix("spare-") } == bench.options.maximumSpareSegments)
        await log.close()
        let found = try await bench.recovered()
        #expect(found.snapshot == .test(1, 40))
        #expect(found.entries.map(\.index.rawValue) == Array(41...62))
    }

    @Test mutating func `files are used again, and nothing of their earlier life is read`() async throws {
        var (log, _) = try bench.open()
        var index: UInt64 = 0
        for round in 1...8 as ClosedRange<UInt64> {
            for _ in 0..<25 {
                index += 1
                try await log.write(make([.test(round, index, bytes: 700)]))
            }
            try log.snapshot(.test(round, index - 2), content: [])
            try log.removeSnapshots(keeping: [])
            log.compact(through: LogIndex(index))
            await log.close()
            let (again, found) = try bench.open()
            #expect(found.entries == [.test(round, index - 1, bytes: 700), .test(round, index, bytes: 700)])
            log = again
        }
        #expect(try bench.names().count < 8)
        await log.close()
    }

    @Test mutating func `an older snapshot never takes the place of a newer one`() async throws {
        let (log, _) = try bench.open()
        let slow = try log.writeSnapshot(.test(1, 5))
        try log.snapshot(.test(1, 8), content: [8])
        let outdated = #expect(throws: RaftLogError.self) { try slow.finish() }
        #expect(outdated?.code == .outdated)
        let again = #expect(throws: RaftLogError.self) { try log.writeSnapshot(.test(1, 8)) }
        #expect(again?.code == .outdated)
        #expect(log.snapshot == .test(1, 8))
        await log.close()
    }

    @Test mutating func `snapshots that are used stay readable, the rest goes`() async throws {
        let (log, _) = try bench.open()
        for index in 1...4 as ClosedRange<UInt64> { try log.snapshot(.test(1, index), content: [UInt8(index)]) }
        let reader = try log.readSnapshot(.test(1, 1))
        try log.removeSnapshots(keeping: [.test(1, 2)])
        #expect(try bench.names().count { $0.hasPrefix("snapshot-") } == 2)
        #expect(try log.content(of: .test(1, 2)) == [2])
        #expect(try reader.read(at: 0, maximumBytes: 5) == Bytes([1]), "whoever reads it reads on")
        let gone = #expect(throws: RaftLogError.self) { try log.readSnapshot(.test(1, 3)) }
        #expect(gone?.code == .outdated)
        await log.close()
    }

    @Test mutating func `a writer that is let go leaves nothing`() async throws {
        let (log, _) = try bench.open()
        do {
            let writer = try log.writeSnapshot(.test(1, 5))
            try writer.append("half")
        }
        #expect(try bench.names().contains { $0.hasPrefix("snapshot") } == false)
        #expect(log.snapshot == nil)
        await log.close()
    }

    @Test mutating func `a snapshot from another node takes the place of the log`() async throws {
        let (log, _) = try bench.open()
        try await log.write(make((1...9).map { .test(1, $0) }, state: HardState(term: Term(2))))
        let content = [UInt8](repeating: 5, count: 150_000)
        for chunk in SnapshotChunk.pieces(of: .test(2, 7), content, bytes: 40_000) {
            try await log.write(make(chunk: chunk))
        }
        try await log.write(make([.test(2, 8)]))
        #expect(log.snapshot == .test(2, 7))
        await log.close()
        let found = try await bench.recovered()
        #expect(found.snapshot == .test(2, 7))
        #expect(found.entries == [.test(2, 8)])
        #expect(found.partialSnapshot == nil)
        let (again, _) = try bench.open()
        #expect(try again.content(of: .test(2, 7)) == content)
        await again.close()
    }

    @Test mutating func `the arrival of a snapshot is resumed after a restart`() async throws {
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let all = SnapshotChunk.pieces(of: .test(3, 50), content, bytes: 50_000)
        var (log, _) = try bench.open()
        for chunk in all.prefix(3) { try await log.write(make(chunk: chunk)) }
        await log.close()
        let (again, found) = try bench.open()
        log = again
        let partial = try #require(found.partialSnapshot)
        #expect(partial.metadata == .test(3, 50))
        #expect(partial.bytes == 2 * 65_536, "whole blocks of what arrived")
        let rest = SnapshotChunk.pieces(of: .test(3, 50), content, from: Int(partial.bytes), bytes: 50_000)
        for chunk in rest { try await log.write(make(chunk: chunk)) }
        #expect(try log.content(of: .test(3, 50)) == content)
        await log.close()
    }

    @Test mutating func `damage to a partial snapshot only costs what comes after it`() async throws {
        let (log, _) = try bench.open()
        let content = [UInt8](repeating: 9, count: 200_000)
        for chunk in SnapshotChunk.pieces(of: .test(3, 50), content, bytes: 50_000).dropLast() {
            try await log.write(make(chunk: chunk))
        }
        await log.close()
        var bytes = try bench.bytes("snapshot.partial")
        bytes[100_000] ^= 1
        try bench.replace("snapshot.partial", with: bytes)
        #expect(try await bench.recovered().partialSnapshot?.bytes == 65_536)
        bytes[3] ^= 1
        try bench.replace("snapshot.partial", with: bytes)
        #expect(try await bench.recovered().partialSnapshot == nil)
    }

    @Test mutating func `pieces of another snapshot replace what arrived, pieces out of place end the log`()
        async throws
    {
        let (log, _) = try bench.open()
        func chunk(_ snapshot: SnapshotMetadata, _ source: UInt64 = 2, at offset: UInt64, _ bytes: Bytes, isLast: Bool)
            -> SnapshotChunk
        {
            SnapshotChunk(snapshot: snapshot, source: NodeID(source), offset: offset, bytes: bytes, isLast: isLast)
        }
        try await log.write(make(chunk: chunk(.test(1, 5), at: 0, "abc", isLast: false)))
        try await log.write(make(chunk: chunk(.test(1, 6), at: 0, "xyz", isLast: false)))
        try await log.write(make(chunk: chunk(.test(1, 6), 3, at: 0, "uvw", isLast: false)))
        try await log.write(make(chunk: chunk(.test(1, 6), 3, at: 3, "!", isLast: true)))
        #expect(try log.content(of: .test(1, 6)) == Array("uvw!".utf8))
        let misplaced = make(chunk: chunk(.test(1, 9), at: 3, "!", isLast: false))
        let error = await #expect(throws: RaftLogError.self) { try await log.write(misplaced) }
        #expect(error?.code == .failed)
        await log.close()
    }
}
