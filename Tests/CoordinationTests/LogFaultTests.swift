import ApusKV
import ApusPrimitives
import ApusResilience
import ApusStorage
import DiskSimulation
import Foundation
import Logging
import TestSupport
import Testing

@testable import ApusCoordination

/// What a disk does besides losing power: hang, say nothing, refuse at the wrong moment.
@Suite struct LogFaultTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    private var path: String { folder.file("above/store") }

    private func open(_ limits: EmbeddedStoreLimits = EmbeddedStoreLimits(), disk: Disk = .posix) throws
        -> EmbeddedStore
    {
        try EmbeddedStore(directory: path, limits: limits, time: .continuous, logger: .quiet, disk: disk)
    }

    @Test func `a disk that hangs does not hold whoever gives up`() async throws {
        let slow = HangingDisk()
        let store = try open(disk: slow.disk)
        let lease = try await store.grantLease(ttlSeconds: 10)
        slow.hang()
        let first = Task { try await store.put("first", "v") }
        try await eventually { slow.isHanging }
        let second = Task { try await store.put("second", "v") }
        let keepAlive = Task { try await store.keepAlive(lease.id) }
        for task in [first, second] {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        keepAlive.cancel()
        await #expect(throws: CancellationError.self) { try await keepAlive.value }
        slow.goOn()
        try await store.put("third", "v")
        // The first was on its way to the disk.
        #expect(try await store.get("first") != nil)
        // Nobody waits for the second any more, so it is not begun.
        #expect(try await store.get("second") == nil)
        await store.close()
    }

    @Test func `more bytes than may wait are refused`() async throws {
        let slow = HangingDisk()
        var limits = EmbeddedStoreLimits()
        limits.maximumWaitingBytes = 10_000
        let store = try open(limits, disk: slow.disk)
        slow.hang()
        let value = Bytes([UInt8](repeating: 1, count: 1_000))
        let refusals = Locked(0)
        try await withThrowingTaskGroup { group in
            // One batch is in the sync; those of 10,000 bytes wait behind it.
            for index in 0..<60 {
                group.addTask {
                    do {
                        try await store.put(Bytes("k\(index)"), value)
                    } catch let error as CoordinationError where error.code == .overloaded {
                        refusals.withLock { $0 += 1 }
                    }
                }
            }
            defer {
                slow.goOn()
            }
            try await eventually { refusals.withLock { $0 } > 0 }
        }
        #expect(refusals.withLock { $0 } < 60)
        await store.close()
    }

    @Test func `a new folder is as lasting as its names in the folders above`() async throws {
        let synced = Locked<[UInt64]>([])
        var disk = Disk.posix
        disk.sync = { file in
            var status = stat()
            fstat(file, &status)
            synced.withLock { $0.append(UInt64(status.st_ino)) }
            return Disk.posix.sync(file)
        }
        let store = try open(disk: disk)
        await store.close()
        for folder in [folder.path, folder.file("above"), path] {
            var status = stat()
            stat(folder, &status)
            #expect(synced.withLock { $0 }.contains(UInt64(status.st_ino)), "\(folder)")
        }
    }

    @Test func `a write that takes nothing is a full disk, not a loop`() async throws {
        let takesNothing = Locked(false)
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            takesNothing.withLock { $0 } ? 0 : Disk.posix.write(file, bytes, offset)
        }
        let store = try open(disk: disk)
        takesNothing.withLock { $0 = true }
        let error = await #expect(throws: CoordinationError.self) { try await store.put("a", "1") }
        #expect(error?.code == .noSpace)
        takesNothing.withLock { $0 = false }
        try await store.put("a", "2")
        await store.close()
    }

    @Test func `a torn write after a new file could not be begun is still cut off`() async throws {
        let refusesFolders = Locked(false)
        var disk = Disk.posix
        disk.sync = { file in
            var status = stat()
            fstat(file, &status)
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            return isFolder && refusesFolders.withLock { $0 } ? -Int(EIO) : Disk.posix.sync(file)
        }
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 100
        let store = try open(limits, disk: disk)
        refusesFolders.withLock { $0 = true }
        for index in 0..<6 { try await store.put(Bytes("k\(index)"), "a value of some length") }
        await store.close()
        let log = path + "/log-0000000000000001"
        let bytes = try Data(contentsOf: URL(filePath: log))
        try bytes.dropLast(20).write(to: URL(filePath: log))
        let again = try open()
        #expect(try await again.list(prefix: "k").count == 5)
        await again.close()
    }

    @Test func `leases that end together end with few syncs`() async throws {
        let syncs = Locked(0)
        var disk = Disk.posix
        disk.sync = { file in
            syncs.withLock { $0 += 1 }
            return Disk.posix.sync(file)
        }
        let time = ManualTime()
        let store = try EmbeddedStore(
            directory: path, limits: EmbeddedStoreLimits(), time: time.source, logger: .quiet, disk: disk)
        try await withThrowingTaskGroup { group in
            for _ in 0..<300 { group.addTask { _ = try await store.grantLease(ttlSeconds: 5) } }
            try await group.waitForAll()
        }
        let before = syncs.withLock { $0 }
        time.advance(by: .seconds(6))
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            try await eventually { store.snapshot.leases.isEmpty }
            group.cancelAll()
        }
        #expect(syncs.withLock { $0 } - before <= 2)
        await store.close()
    }

    @Test func `a full disk stops neither run nor the leases for good`() async throws {
        let isFull = Locked(false)
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            isFull.withLock { $0 } ? -Int(ENOSPC) : Disk.posix.write(file, bytes, offset)
        }
        let time = ManualTime()
        let store = try EmbeddedStore(
            directory: path, limits: EmbeddedStoreLimits(), time: time.source, logger: .quiet, disk: disk)
        let lease = try await store.grantLease(ttlSeconds: 5)
        try await store.put("leased", "v", lease: lease.id)
        isFull.withLock { $0 = true }
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            for _ in 0..<40 {
                try await time.waitForSleepers()
                time.advance(by: .milliseconds(250))
            }
            try await time.waitForSleepers()
            #expect(try await store.get("leased") != nil)
            isFull.withLock { $0 = false }
            time.advance(by: .milliseconds(250))
            try await eventually { try await store.get("leased") == nil }
            group.cancelAll()
        }
        await store.close()
    }
}
