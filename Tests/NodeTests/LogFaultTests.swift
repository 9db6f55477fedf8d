import ApusPrimitives
import ApusRaft
import ApusStorage
import DiskSimulation
import Foundation
import TestSupport
import Testing

@testable import ApusNode

/// What a disk does besides losing power: fail, hang, be full.
@Suite struct LogFaultTests {
    var bench: LogBench
    var make = WriteMaker()

    init() throws {
        bench = try LogBench()
    }

    @Test mutating func `a failed sync is final, though later ones would work`() async throws {
        let fails = Locked(false)
        let syncs = Locked(0)
        var disk = Disk.posix
        disk.sync = { file in
            syncs.withLock { $0 += 1 }
            return fails.withLock { $0 } ? -Int(EIO) : Disk.posix.sync(file)
        }
        let (log, _) = try bench.open(disk: disk)
        try await log.write(make([.test(1, 1)]))
        fails.withLock { $0 = true }
        let first = await #expect(throws: RaftLogError.self) { try await log.write(make([.test(1, 2)])) }
        #expect(first?.code == .failed)
        fails.withLock { $0 = false }
        let before = syncs.withLock { $0 }
        for _ in 0..<3 {
            let later = await #expect(throws: RaftLogError.self) { try await log.write(make([.test(1, 2)])) }
            #expect(later?.code == .failed)
        }
        #expect(throws: RaftLogError.self) { try log.writeSnapshot(.test(1, 1)) }
        #expect(log.failure?.code == .failed)
        #expect(syncs.withLock { $0 } == before, "nothing is tried again")
        await log.close()
        // A new start takes what it finds, with or without the write that failed.
        #expect(try await bench.recovered().entries.count >= 1)
    }

    @Test mutating func `everything that waits behind a failed write fails too, in order`() async throws {
        let hanging = HangingDisk()
        let fails = Locked(false)
        var disk = hanging.disk
        disk.write = { file, bytes, offset in
            fails.withLock { $0 } ? -Int(EIO) : Disk.posix.write(file, bytes, offset)
        }
        let (log, _) = try bench.open(disk: disk)
        hanging.hang()
        let answers = Locked<[(UInt64, Bool)]>([])
        for index in 1...10 as ClosedRange<UInt64> {
            let write = make([.test(1, index)])
            try log.append(write) { result in
                let isDone = (try? result.get()) != nil
                answers.withLock { $0.append((write.sequence, isDone)) }
            }
            if index == 1 { try await eventually { hanging.isHanging } }
        }
        fails.withLock { $0 = true }
        hanging.goOn()
        try await eventually { answers.withLock { $0.count } == 10 }
        #expect(answers.withLock { $0.map(\.0) } == Array(1...10))
        #expect(answers.withLock { $0.map(\.1) } == [true] + Array(repeating: false, count: 9))
        await log.close()
    }

    @Test mutating func `a write that fails otherwise than for room is final`() async throws {
        let fails = Locked(false)
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            fails.withLock { $0 } ? -Int(EIO) : Disk.posix.write(file, bytes, offset)
        }
        let (log, _) = try bench.open(disk: disk)
        fails.withLock { $0 = true }
        let error = await #expect(throws: RaftLogError.self) { try await log.write(make([.test(1, 1)])) }
        #expect(error?.code == .failed)
        fails.withLock { $0 = false }
        #expect(throws: RaftLogError.self) { try log.append(make([.test(1, 1)])) { _ in } }
        await log.close()
    }

    @Test mutating func `a sync that fails for want of room is final as well`() async throws {
        let fails = Locked(false)
        var disk = Disk.posix
        disk.sync = { file in fails.withLock { $0 } ? -Int(ENOSPC) : Disk.posix.sync(file) }
        let (log, _) = try bench.open(disk: disk)
        fails.withLock { $0 = true }
        let error = await #expect(throws: RaftLogError.self) { try await log.write(make([.test(1, 1)])) }
        #expect(error?.code == .failed)
        await log.close()
    }

    @Test mutating func `a full disk is told before it stops anything, votes still find room, and it recovers`()
        async throws
    {
        let isFull = Locked(false)
        let changes = Locked<[Bool]>([])
        let (log, _) = try bench.open(disk: .fullWhen(isFull))
        log.onRoomChange { hasRoom in changes.withLock { $0.append(hasRoom) } }
        isFull.withLock { $0 = true }
        // The files that are there already are used up first.
        var index: UInt64 = 0
        while log.hasRoom {
            index += 1
            try await log.write(make([.test(1, index, bytes: 500)]))
        }
        for term in 2...20 as ClosedRange<UInt64> {
            try await log.write(make(state: HardState(term: Term(term), votedFor: NodeID(1))))
        }
        #expect(!log.hasRoom)
        #expect(log.failure == nil)
        isFull.withLock { $0 = false }
        try await eventually { log.hasRoom }
        #expect(changes.withLock { $0 } == [false, true])
        for _ in 0..<40 {
            index += 1
            try await log.write(make([.test(20, index, bytes: 500)]))
        }
        await log.close()
        let found = try await bench.recovered()
        #expect(found.entries.count == Int(index))
        #expect(found.hardState == HardState(term: Term(20), votedFor: NodeID(1)))
    }

    @Test mutating func `beyond the reserve writes wait for room, and are not lost`() async throws {
        let isFull = Locked(false)
        let (log, _) = try bench.open(disk: .fullWhen(isFull))
        isFull.withLock { $0 = true }
        let answered = Locked(0)
        for index in 1...60 as ClosedRange<UInt64> {
            try log.append(make([.test(1, index, bytes: 500)])) { result in
                if case .success = result { answered.withLock { $0 += 1 } }
            }
        }
        try await eventually { !log.hasRoom }
        #expect(answered.withLock { $0 } < 60)
        isFull.withLock { $0 = false }
        try await eventually { answered.withLock { $0 } == 60 }
        await log.close()
        #expect(try await bench.recovered().entries.count == 60)
    }

    @Test mutating func `compaction makes room on a full disk`() async throws {
        let isFull = Locked(false)
        bench.options.maximumSpareSegments = 8
        let (log, _) = try bench.open(disk: .fullWhen(isFull))
        var index: UInt64 = 0
        for _ in 0..<40 {
            index += 1
            try await log.write(make([.test(1, index, bytes: 500)]))
        }
        try log.snapshot(.test(1, 40), content: [])
        isFull.withLock { $0 = true }
        while log.hasRoom {
            index += 1
            try await log.write(make([.test(1, index, bytes: 500)]))
        }
        // More than the last segment has room for, less than that and one more: how many records they make is not known.
        let waiting = Locked(20)
        for _ in 0..<20 {
            index += 1
            try log.append(make([.test(1, index, bytes: 500)])) { _ in waiting.withLock { $0 -= 1 } }
        }
        log.compact(through: LogIndex(40))
        try await eventually { waiting.withLock { $0 } == 0 }
        try await eventually { log.hasRoom }
        await log.close()
        let found = try await bench.recovered()
        #expect(found.entries.map(\.index.rawValue) == Array(41...index))
    }

    @Test mutating func `a snapshot on a full disk has what was set aside for it`() async throws {
        bench.options.snapshotReserveBytes = 16 << 10
        let isFull = Locked(false)
        let (log, _) = try bench.open(disk: .fullWhen(isFull, reserve: bench.path + "/reserve"))
        try await log.write(make((1...5).map { .test(1, $0) }))
        try await eventually { [bench] in try bench.names().contains("reserve") }
        isFull.withLock { $0 = true }
        try log.snapshot(.test(1, 3), content: [UInt8](repeating: 7, count: 5_000))
        try await eventually { !log.hasRoom }
        // Somebody looks for room again and again, and for a moment the file is there.
        try await eventually { [bench] in try !bench.names().contains("reserve") }
        isFull.withLock { $0 = false }
        try await eventually { log.hasRoom }
        #expect(try bench.names().contains("reserve"))
        await log.close()
        #expect(try await bench.recovered().snapshot == .test(1, 3))
    }

    @Test mutating func `a log whose disk is full can be closed`() async throws {
        let isFull = Locked(false)
        let (log, _) = try bench.open(disk: .fullWhen(isFull))
        isFull.withLock { $0 = true }
        let failed = Locked(0)
        for index in 1...60 as ClosedRange<UInt64> {
            try log.append(make([.test(1, index, bytes: 500)])) { result in
                if case .failure = result { failed.withLock { $0 += 1 } }
            }
        }
        try await eventually { !log.hasRoom }
        await log.close()
        let kept = try await bench.recovered().entries.count
        #expect(kept + failed.withLock { $0 } == 60)
    }

    @Test mutating func `a disk that hangs answers nothing and holds nobody`() async throws {
        let hanging = HangingDisk()
        let (log, _) = try bench.open(disk: hanging.disk)
        hanging.hang()
        let answers = Locked(0)
        for index in 1...20 as ClosedRange<UInt64> {
            try log.append(make([.test(1, index)])) { _ in answers.withLock { $0 += 1 } }
        }
        try await eventually { hanging.isHanging }
        #expect(log.hasRoom)
        #expect(log.failure == nil)
        #expect(answers.withLock { $0 } == 0)
        hanging.goOn()
        try await eventually { answers.withLock { $0 } == 20 }
        await log.close()
    }

    @Test mutating func `a write that is taken in pieces is whole`() async throws {
        var disk = Disk.posix
        disk.write = { file, bytes, offset in
            Disk.posix.write(file, UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, 100)]), offset)
        }
        let (log, _) = try bench.open(disk: disk)
        let entries = (1...4).map { Entry.test(1, $0, bytes: 900) }
        try await log.write(make(entries))
        await log.close()
        #expect(try await bench.recovered().entries == entries)
    }
}

extension Disk {
    /// Files grow by no block while it is full; writes do again when the file `reserve` is not there any more.
    fileprivate static func fullWhen(_ isFull: Locked<Bool>, reserve: String? = nil) -> Disk {
        @Sendable func grows(_ file: Int32, to end: Int) -> Bool {
            var status = stat()
            fstat(file, &status)
            return isFull.withLock { $0 } && end > status.st_size
        }
        var disk = Disk.posix
        disk.allocate = { file, length in grows(file, to: length) ? -Int(ENOSPC) : Disk.posix.allocate(file, length) }
        disk.write = { file, bytes, offset in
            let hasReserve = reserve.map { FileManager.default.fileExists(atPath: $0) } ?? true
            return hasReserve && grows(file, to: offset + bytes.count)
                ? -Int(ENOSPC) : Disk.posix.write(file, bytes, offset)
        }
        return disk
    }
}
