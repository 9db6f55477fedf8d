import ApusPrimitives
import ApusRaft
import ApusStorage
import DiskSimulation
import TestSupport
import Testing

@testable import ApusNode

/// What a log that nothing happens to does.
@Suite struct LogTests {
    var bench: LogBench
    var make = WriteMaker()

    init() throws {
        bench = try LogBench()
    }

    @Test mutating func `a new folder is empty, and knows it`() async throws {
        let found = try await bench.recovered()
        #expect(found.isFirstStart)
        #expect(found.tornBytes == 0)
        #expect(found.partialSnapshot == nil)
    }

    @Test mutating func `entries and hard state come back`() async throws {
        let (log, _) = try bench.open()
        let state = HardState(term: Term(3), votedFor: NodeID(2), commitIndex: LogIndex(1))
        let entries = [
            Entry.test(1, 1), Entry(term: Term(2), index: LogIndex(2), payload: .empty),
            Entry(
                term: Term(3), index: LogIndex(3),
                payload: .configuration(
                    Configuration(
                        voters: [NodeID(1), NodeID(9)], outgoingVoters: [NodeID(2)], learners: [NodeID(.max)],
                        nextLearners: [NodeID(4)]), context: "where they are")),
        ]
        try await log.write(make(entries, state: state))
        await log.close()
        let found = try await bench.recovered()
        #expect(found.hardState == state)
        #expect(found.entries == entries)
        #expect(found.snapshot == nil)
        #expect(!found.isFirstStart)
    }

    @Test mutating func `an append at an earlier index truncates what was behind`() async throws {
        let (log, _) = try bench.open()
        try await log.write(make((1...5).map { .test(1, $0) }))
        try await log.write(make([.test(2, 3)]))
        await log.close()
        #expect(try await bench.recovered().entries == [.test(1, 1), .test(1, 2), .test(2, 3)])
        let (again, _) = try bench.open()
        try await again.write(make([.test(3, 1)]))
        await again.close()
        #expect(try await bench.recovered().entries == [.test(3, 1)])
    }

    @Test mutating func `answers come in the order of the writes, and writes that wait share a sync`() async throws {
        bench.options.segmentBytes = 64 << 10
        let hanging = HangingDisk()
        let (log, _) = try bench.open(disk: hanging.disk)
        let answered = Locked<[UInt64]>([])
        hanging.hang()
        for index in 1...50 as ClosedRange<UInt64> {
            let write = make([.test(1, index)])
            try log.append(write) { _ in answered.withLock { $0.append(write.sequence) } }
            if index == 1 { try await eventually { hanging.isHanging } }
        }
        #expect(answered.withLock { $0 }.isEmpty, "nothing is answered before it is on disk")
        hanging.goOn()
        try await eventually { answered.withLock { $0.count } == 50 }
        #expect(answered.withLock { $0 } == Array(1...50))
        await log.close()
        #expect(try bench.records().count == 3, "two records: the first write, and all that waited for it")
        #expect(try await bench.recovered().entries.count == 50)
    }

    @Test mutating func `what is committed alone costs no sync, and goes with the next record`() async throws {
        let syncs = Locked(0)
        var disk = Disk.posix
        disk.sync = { file in
            syncs.withLock { $0 += 1 }
            return 0
        }
        let (log, _) = try bench.open(disk: disk)
        try await log.write(make([.test(1, 1)], state: HardState(term: Term(1))))
        let before = syncs.withLock { $0 }
        for _ in 0..<10 {
            let state = HardState(term: Term(1), commitIndex: LogIndex(1))
            try await log.write(make(state: state, mustSync: false))
        }
        #expect(syncs.withLock { $0 } == before)
        await log.close()
        #expect(try await bench.recovered().hardState == HardState(term: Term(1), commitIndex: LogIndex(1)))
    }

    @Test mutating func `more than may wait is refused, whatever is too large alone is taken`() async throws {
        let hanging = HangingDisk()
        bench.options.maximumWaitingBytes = 2_000
        bench.options.maximumWaitingWrites = 5
        let (log, _) = try bench.open(disk: hanging.disk)
        hanging.hang()
        let answers = Locked(0)
        try log.append(make([.test(1, 1)])) { _ in answers.withLock { $0 += 1 } }
        try await eventually { hanging.isHanging }
        // Larger than the bound, and than a segment.
        try log.append(make([.test(1, 2, bytes: 20_000)])) { _ in answers.withLock { $0 += 1 } }
        let error = #expect(throws: RaftLogError.self) { try log.append(make([.test(1, 3)])) { _ in } }
        #expect(error?.code == .overloaded)
        hanging.goOn()
        try await eventually { answers.withLock { $0 } == 2 }
        try await log.write(make([.test(1, 3)]))
        await log.close()
        #expect(try await bench.recovered().entries == [.test(1, 1), .test(1, 2, bytes: 20_000), .test(1, 3)])
    }

    @Test mutating func `no more writes may wait than the bound`() async throws {
        let hanging = HangingDisk()
        bench.options.maximumWaitingWrites = 5
        let (log, _) = try bench.open(disk: hanging.disk)
        hanging.hang()
        try log.append(make([.test(1, 1)])) { _ in }
        try await eventually { hanging.isHanging }
        for index in 2...6 as ClosedRange<UInt64> { try log.append(make([.test(1, index)])) { _ in } }
        let error = #expect(throws: RaftLogError.self) { try log.append(make([.test(1, 7)])) { _ in } }
        #expect(error?.code == .overloaded)
        hanging.goOn()
        await log.close()
        #expect(try await bench.recovered().entries.count == 6)
    }

    @Test mutating func `a log goes on over many segments`() async throws {
        var expected: [Entry] = []
        for round in 0..<4 {
            let (log, found) = try bench.open()
            #expect(found.entries == expected)
            for _ in 0..<30 {
                let entry = Entry.test(UInt64(round + 1), UInt64(expected.count + 1), bytes: 700)
                try await log.write(make([entry], state: HardState(term: entry.term)))
                expected.append(entry)
            }
            await log.close()
        }
        #expect(try bench.names().count { $0.hasPrefix("wal-") } > 10)
        #expect(try await bench.recovered().entries == expected)
    }

    @Test mutating func `a second log is told who has the folder`() async throws {
        let (log, _) = try bench.open()
        let error = #expect(throws: RaftLogError.self) { try bench.open() }
        #expect(error?.code == .locked)
        await log.close()
        #expect(try await bench.recovered().isFirstStart)
    }

    @Test mutating func `a closed log takes nothing`() async throws {
        let (log, _) = try bench.open()
        await log.close()
        await log.close()
        let error = await #expect(throws: RaftLogError.self) { try await log.write(make([.test(1, 1)])) }
        #expect(error?.code == .closed)
    }

    @Test func `a log that is let go closes itself`() async throws {
        do { _ = try bench.open() }
        try await eventually { (try? bench.open()) != nil }
    }
}
