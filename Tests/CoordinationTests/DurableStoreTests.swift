import ApusKV
import ApusPrimitives
import ApusStorage
import DiskSimulation
import Foundation
import Logging
import TestSupport
import Testing

@testable import ApusCoordination

/// What was acknowledged is there after the store was opened again.
@Suite struct DurableStoreTests {
    let folder: TemporaryDirectory
    let time = ManualTime()

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func open(_ limits: EmbeddedStoreLimits = EmbeddedStoreLimits(), disk: Disk = .posix) throws
        -> EmbeddedStore
    {
        try EmbeddedStore(
            directory: folder.file("store"), limits: limits, time: time.source, logger: .quiet, disk: disk)
    }

    private func files(_ prefix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.file("store")).filter { $0.hasPrefix(prefix) }
            .sorted()
    }

    @Test func `everything is as it was after it is opened again`() async throws {
        let store = try open()
        let lease = try await store.grantLease(ttlSeconds: 10)
        try await store.put("a", "1")
        try await store.put("leased", "2", lease: lease.id)
        try await store.put("a", "3")
        try await store.delete("a")
        _ = try await store.txn(
            TxnRequest(
                compares: [.absent("a")],
                success: [.put(PutRequest(key: "b", value: "4")), .put(PutRequest(key: "c", value: "5"))]))
        try await store.compact(at: Revision(3))
        let before = store.snapshot
        await store.close()

        let again = try open()
        #expect(again.revision == before.revision)
        #expect(again.snapshot.compactedRevision == Revision(3))
        #expect(try await again.range(RangeRequest(.all)) == before.range(RangeRequest(.all)))
        #expect(try await again.keepAlive(lease.id) == 10)
        #expect(
            try again.snapshot.events(in: .all, from: Revision(3), limit: 100).events
                == before.events(in: .all, from: Revision(3), limit: 100).events)
        await again.close()
    }

    @Test func `a second store on the same folder is refused`() async throws {
        let store = try open()
        let error = #expect(throws: CoordinationError.self) { try open() }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("\(ProcessInfo.processInfo.processIdentifier)") == true)
        await store.close()
        await (try open()).close()
    }

    @Test func `a restart gives leases their full time again`() async throws {
        let store = try open()
        let lease = try await store.grantLease(ttlSeconds: 10)
        try await store.put("leased", "x", lease: lease.id)
        time.advance(by: .seconds(9))
        await store.close()
        let again = try open()
        #expect(again.snapshot.lease(lease.id)?.expires == time.now + .seconds(10))
        await again.close()
    }

    @Test func `an expired lease stays expired`() async throws {
        let store = try open()
        let lease = try await store.grantLease(ttlSeconds: 5)
        try await store.put("leased", "x", lease: lease.id)
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            try await time.waitForSleepers()
            time.advance(by: .seconds(6))
            try await eventually { try await store.get("leased") == nil }
            group.cancelAll()
        }
        await store.close()
        let again = try open()
        #expect(try await again.get("leased") == nil)
        #expect(again.snapshot.leases.isEmpty)
        await again.close()
    }

    @Test func `many writers share a sync, and each sees its own write`() async throws {
        let syncs = Locked(0)
        var disk = Disk.posix
        disk.sync = { file in
            syncs.withLock { $0 += 1 }
            return Disk.posix.sync(file)
        }
        let store = try open(disk: disk)
        try await withThrowingTaskGroup { group in
            for writer in 0..<64 {
                group.addTask {
                    for step in 0..<20 {
                        let revision = try await store.put(Bytes("w\(writer)"), Bytes("\(step)"))
                        let seen = try #require(try await store.get(Bytes("w\(writer)")))
                        #expect(seen.modRevision == revision)
                        #expect(seen.value == Bytes("\(step)"))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(store.revision == Revision(1 + 64 * 20))
        #expect(syncs.withLock { $0 } < 64 * 20)
        await store.close()
        let again = try open()
        #expect(again.revision == Revision(1 + 64 * 20))
        await again.close()
    }

    @Test func `the log stays bounded: a snapshot takes its place`() async throws {
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 20_000
        var random = SeededRandom(seed: 7)
        var model: [Bytes: Bytes] = [:]
        for _ in 0..<5 {
            let store = try open(limits)
            for _ in 0..<400 {
                let key = Bytes("key\(Int.random(in: 0..<40, using: &random))")
                let value = Bytes((0..<50).map { _ in UInt8.random(in: 0...255, using: &random) })
                try await store.put(key, value)
                model[key] = value
            }
            try await store.compact(at: store.revision)
            await store.close()
            #expect(try files("snapshot") == ["snapshot"])
            #expect(try files("log-").count <= 2)
        }
        let store = try open(limits)
        let all = try await store.list(prefix: "key").kvs
        #expect(Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0.value) }) == model)
        #expect(store.revision == Revision(2001))
        await store.close()
    }

    @Test func `a full disk refuses writes, serves reads, and takes writes again when there is room`() async throws {
        let room = Locked(Int.max)
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            let allowed = room.withLock { min($0, bytes.count) }
            // As a real disk does, it takes what fits before it refuses.
            guard allowed > 0 else { return -Int(ENOSPC) }
            room.withLock { if $0 != .max { $0 -= allowed } }
            return Disk.posix.write(file, UnsafeRawBufferPointer(rebasing: bytes[..<allowed]), offset)
        }
        let store = try open(disk: disk)
        let lease = try await store.grantLease(ttlSeconds: 10)
        try await store.put("a", "1")
        let watch = try await store.watch(.all)
        room.withLock { $0 = 20 }
        let error = await #expect(throws: CoordinationError.self) { try await store.put("a", "2") }
        #expect(error?.code == .noSpace)
        #expect(error?.mayHaveHappened == false)
        #expect(try await store.get("a")?.value == "1")
        #expect(try await store.keepAlive(lease.id) == 10)
        room.withLock { $0 = .max }
        try await store.put("a", "3")
        var iterator = watch.makeAsyncIterator()
        #expect(try await iterator.next()?.events.map(\.kv.value) == ["3"])
        await store.close()
        let again = try open()
        #expect(try await again.get("a")?.value == "3")
        #expect(try await again.get("a")?.version == 2)
        await again.close()
    }

    @Test func `a failed sync ends writing for good, and run says so`() async throws {
        let fails = Locked(false)
        var disk = Disk.posix
        disk.sync = { file in fails.withLock { $0 } ? -Int(EIO) : Disk.posix.sync(file) }
        let store = try open(disk: disk)
        try await store.put("a", "1")
        fails.withLock { $0 = true }
        let first = await #expect(throws: CoordinationError.self) { try await store.put("a", "2") }
        #expect(first?.code == .failed)
        #expect(first?.mayHaveHappened == true)
        // The disk says that it is well again, and is not believed.
        fails.withLock { $0 = false }
        let second = await #expect(throws: CoordinationError.self) { try await store.put("a", "3") }
        #expect(second?.code == .failed)
        #expect(second?.mayHaveHappened == false)
        #expect(try await store.get("a")?.value == "1")
        let ended = await #expect(throws: CoordinationError.self) { try await store.run() }
        #expect(ended?.code == .failed)
        await store.close()
    }

    @Test func `a failed snapshot loses nothing`() async throws {
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 2_000
        let store = try open(limits, disk: .refusingBigWrites)
        for index in 0..<200 { try await store.put(Bytes("k\(index)"), "a value that makes the snapshot big") }
        await store.close()
        #expect(try files("snapshot").contains("snapshot") == false)
        let again = try open()
        #expect(try await again.list(prefix: "k").count == 200)
        await again.close()
    }

    @Test func `more writes than may wait are refused`() async throws {
        let slow = HangingDisk()
        var limits = EmbeddedStoreLimits()
        limits.maximumWaitingWrites = 10
        let store = try open(limits, disk: slow.disk)
        slow.hang()
        let results = await withTaskGroup { group in
            for index in 0..<40 {
                group.addTask {
                    do {
                        try await store.put(Bytes("k\(index)"), "v")
                        return "written"
                    } catch {
                        return (error as? CoordinationError)?.code.rawValue ?? "\(error)"
                    }
                }
            }
            // At most one batch is held in the sync and ten writes wait behind it: some must have been refused.
            let first = await group.next()
            slow.goOn()
            return await group.reduce(into: [first]) { $0.append($1) }
        }
        #expect(results.first == "overloaded")
        let written = results.count { $0 == "written" }
        #expect(try await store.list(prefix: "k").count == written)
        await store.close()
    }

    @Test func `a request over the limit is refused`() async throws {
        let store = try open()
        let value = Bytes([UInt8](repeating: 1, count: 1_572_864))
        let error = await #expect(throws: CoordinationError.self) { try await store.put("k", value) }
        #expect(error?.code == .invalidRequest)
        await store.close()
    }
}

extension Disk {
    /// Takes the small writes of the log but not a snapshot's.
    fileprivate static var refusingBigWrites: Disk {
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            bytes.count > 1_000 ? -Int(ENOSPC) : Disk.posix.write(file, bytes, offset)
        }
        return disk
    }
}
