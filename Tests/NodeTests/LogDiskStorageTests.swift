import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

@testable import ApusNode

/// The log as a node's storage.
@Suite struct LogDiskStorageTests {
    @Test func `what a node wrote is what it starts with, and snapshots make the log shorter`() async throws {
        let directory = try TemporaryDirectory()
        var make = WriteMaker()
        let storage = try DiskStorage.open(folder: directory.file("node"), options: .small)
        #expect(storage.recovered == PersistentState())
        let persisted = Locked<[UInt64]>([])
        storage.start { event in
            if case .persisted(let sequence) = event { persisted.withLock { $0.append(sequence) } }
        }
        for index in 1...40 as ClosedRange<UInt64> { storage.append(make([.test(1, index, bytes: 700)])) }
        try await eventually { persisted.withLock { $0 } == Array(1...40) }
        var writer = try storage.beginSnapshot(.test(1, 30))
        try writer.write([1, 2, 3])
        try writer.finish()
        let piece = try storage.readSnapshot(.test(1, 30), at: 1, maximumBytes: 10)
        #expect(piece.bytes == Bytes([2, 3]))
        #expect(piece.isLast)
        storage.keep([])
        storage.append(make([.test(1, 41)]))
        await storage.close()
        let again = try DiskStorage.open(folder: directory.file("node"), options: .small)
        #expect(again.recovered.snapshot == .test(1, 30))
        #expect(again.recovered.entries.map(\.index.rawValue) == Array(31...41))
        await again.close()
    }
}
