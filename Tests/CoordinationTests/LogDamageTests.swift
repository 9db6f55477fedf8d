import ApusKV
import ApusPrimitives
import Foundation
import Logging
import TestSupport
import Testing

@testable import ApusCoordination

/// What a crash or a bad disk does to the files, and what opening makes of it.
@Suite struct LogDamageTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    private var path: String { folder.file("store") }
    private var logPath: String { path + "/log-0000000000000001" }

    private func open() throws -> EmbeddedStore {
        try EmbeddedStore(directory: path, logger: .quiet)
    }

    /// A store with some writes; the length of its log after each.
    private func makeLog(writes: Int) async throws -> (lengths: [Int], bytes: [UInt8]) {
        let store = try open()
        var lengths: [Int] = []
        for index in 0..<writes {
            try await store.put(Bytes("k\(index)"), Bytes("value \(index)"))
            lengths.append(try FileManager.default.attributesOfItem(atPath: logPath)[.size] as? Int ?? 0)
        }
        await store.close()
        return (lengths, Array(try Data(contentsOf: URL(filePath: logPath))))
    }

    private func write(_ bytes: some Sequence<UInt8>) throws {
        try Data(bytes).write(to: URL(filePath: logPath))
    }

    /// Opens the store, closes it, and says how many of the writes it has; checks that they are a prefix.
    private func writesFound() async throws -> Int {
        let store = try open()
        let count = Int(store.revision.rawValue) - 1
        for index in 0..<count { #expect(try await store.get(Bytes("k\(index)"))?.value == Bytes("value \(index)")) }
        // It goes on where it was cut.
        try await store.put("after", "cut")
        await store.close()
        let again = try open()
        #expect(try await again.get("after")?.value == "cut")
        #expect(again.revision == Revision(Int64(count) + 2))
        await again.close()
        return count
    }

    @Test func `a log cut off at any byte keeps exactly what was complete`() async throws {
        let (lengths, bytes) = try await makeLog(writes: 5)
        for length in lengths[1]...bytes.count {
            try write(bytes[..<length])
            #expect(try await writesFound() == lengths.count { $0 <= length }, "cut at \(length)")
        }
    }

    @Test func `any changed byte is found, with the file and the place`() async throws {
        let (lengths, bytes) = try await makeLog(writes: 4)
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= UInt8(1 << (offset % 8))
            try write(damaged)
            let start = ([0] + lengths).last { $0 <= offset } ?? 0
            do {
                let store = try open()
                // Filling after a payload carries nothing.
                #expect(store.revision == Revision(5), "byte \(offset)")
                #expect(bytes[offset] == 0xFF, "byte \(offset)")
                await store.close()
            } catch let error as CoordinationError {
                #expect(error.code == .corrupt)
                #expect(error.message.contains("\(logPath) is damaged at byte \(start)"), "\(error.message)")
            }
            #expect(try Data(contentsOf: URL(filePath: logPath)) == Data(damaged), "a refused folder is not touched")
        }
    }

    @Test func `what a power cut leaves of the last write is cut off`() async throws {
        let (lengths, bytes) = try await makeLog(writes: 3)
        // The file was made longer, but its sectors were not written.
        try write(bytes[..<lengths[1]] + [UInt8](repeating: 0, count: 700))
        #expect(try await writesFound() == 2)
        try write([])
        #expect(try await writesFound() == 0)
        try write([UInt8](repeating: 0, count: 64))
        #expect(try await writesFound() == 0)
    }

    @Test func `a long write of which a sector is missing is cut off`() async throws {
        let store = try open()
        try await store.put("k0", "value 0")
        let first = try Data(contentsOf: URL(filePath: logPath)).count
        try await store.put("k1", Bytes((0..<3_000).map { UInt8($0 % 250 + 1) }))
        await store.close()
        let bytes = Array(try Data(contentsOf: URL(filePath: logPath)))
        for sector in stride(from: 512, to: bytes.count - 512, by: 512) {
            var torn = bytes
            for index in sector..<sector + 512 { torn[index] = 0 }
            try write(torn)
            #expect(try await writesFound() == 1, "sector at \(sector), the write begins at \(first)")
        }
    }

    @Test func `zeros in the middle are damage`() async throws {
        let (lengths, bytes) = try await makeLog(writes: 4)
        var damaged = bytes
        for index in lengths[0]..<lengths[1] { damaged[index] = 0 }
        try write(damaged)
        let error = #expect(throws: CoordinationError.self) { try open() }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("byte \(lengths[0])") == true)
    }

    @Test func `a file that is missing before the end of the log is noticed`() async throws {
        let (_, bytes) = try await makeLog(writes: 3)
        try FileManager.default.removeItem(atPath: logPath)
        try Data(bytes).write(to: URL(filePath: path + "/log-0000000000000004"))
        let error = #expect(throws: CoordinationError.self) { try open() }
        #expect(error?.code == .corrupt)
    }

    @Test func `a torn end of a file that is not the last is damage`() async throws {
        let (lengths, bytes) = try await makeLog(writes: 3)
        try write(bytes[..<lengths[1]] + bytes[lengths[1]..<bytes.count].dropLast(20))
        try Data().write(to: URL(filePath: path + "/log-0000000000000003"))
        let error = #expect(throws: CoordinationError.self) { try open() }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("\(logPath) is damaged at byte \(lengths[1])") == true)
    }

    @Test func `any changed byte of a snapshot is found`() async throws {
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 100
        let store = try EmbeddedStore(directory: path, limits: limits, logger: .quiet)
        for index in 0..<5 { try await store.put(Bytes("k\(index)"), "value") }
        await store.close()
        let snapshot = URL(filePath: path + "/snapshot")
        let bytes = Array(try Data(contentsOf: snapshot))
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= 0x10
            try Data(damaged).write(to: snapshot)
            do {
                await (try open()).close()
                #expect(bytes[offset] == 0xFF, "byte \(offset)")
            } catch let error as CoordinationError {
                #expect(error.code == .corrupt)
                #expect(error.message.contains(snapshot.path(percentEncoded: false)))
            }
        }
        for length in 0..<bytes.count {
            try Data(bytes[..<length]).write(to: snapshot)
            #expect(throws: CoordinationError.self) { try open() }
        }
        try Data(bytes).write(to: snapshot)
        let again = try open()
        #expect(try await again.list(prefix: "k").count == 5)
        await again.close()
    }

    @Test func `old files that a crash left beside a new snapshot do no harm`() async throws {
        let (_, bytes) = try await makeLog(writes: 3)
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 100
        let store = try EmbeddedStore(directory: path, limits: limits, logger: .quiet)
        try await store.put("k3", "value 3")
        await store.close()
        try write(bytes)
        try Data("half".utf8).write(to: URL(filePath: path + "/snapshot.new"))
        #expect(try await writesFound() == 4)
    }
}
