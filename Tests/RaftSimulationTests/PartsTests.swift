import ApusPrimitives
import ApusRaft
import Testing

@testable import RaftSimulation

/// The simulated world itself: it must be as cruel as it says, and no crueller.
@Suite struct PartsTests {
    private static func entry(_ index: UInt64, term: UInt64 = 1) -> Entry {
        Entry(term: Term(term), index: LogIndex(index), payload: .empty)
    }

    private static func write(_ sequence: UInt64, _ entries: [Entry], term: UInt64? = nil, sync: Bool = true) -> Write {
        Write(sequence: sequence, hardState: term.map { HardState(term: Term($0)) }, entries: entries, mustSync: sync)
    }

    // MARK: Time

    @Test func eventsComeInOrderOfTimeAndThenOfScheduling() {
        var random = SeededRandom(seed: 1)
        var queue = EventQueue<Int>()
        var expected: [(time: UInt64, event: Int)] = []
        for event in 0..<1_000 {
            let time = random.below(UInt64(100))
            queue.schedule(event, at: time)
            expected.append((time, event))
        }
        expected.sort { ($0.time, $0.event) < ($1.time, $1.event) }
        for (time, event) in expected {
            let next = queue.next()
            #expect(next?.time == time)
            #expect(next?.event == event)
        }
        #expect(queue.isEmpty)
    }

    // MARK: Disks

    @Test func whatIsNotSyncedIsNotOnTheDisk() throws {
        var disk = SimulatedDisk(image: DiskImage())
        disk.submit(Self.write(1, [Self.entry(1)], term: 1))
        _ = disk.start()
        disk.submit(Self.write(2, [Self.entry(2)]))
        let restarted = disk.start()
        #expect(!restarted)
        #expect(disk.image.log.lastIndex == .zero)
        var done = try disk.finish()
        #expect(done == 1)
        #expect(disk.image.log.lastIndex == LogIndex(1))
        _ = disk.start()
        done = try disk.finish()
        #expect(done == 2)
        #expect(disk.image.log.lastIndex == LogIndex(2))
    }

    @Test func aWriteWithoutSyncIsAcknowledgedAndMayBeLost() throws {
        var disk = SimulatedDisk(image: DiskImage())
        disk.submit(Self.write(1, [], term: 3, sync: false))
        _ = disk.start()
        var done = try disk.finish()
        #expect(done == 1)
        #expect(disk.image.hardState.term == .zero)
        disk.submit(Self.write(2, [Self.entry(1)]))
        _ = disk.start()
        done = try disk.finish()
        #expect(done == 2)
        #expect(disk.image.hardState.term == Term(3))
    }

    @Test func aCrashLeavesABeginningOfWhatWaited() throws {
        var lengths = Set<UInt64>()
        for seed in UInt64(0)..<200 {
            var random = SeededRandom(seed: seed)
            var disk = SimulatedDisk(image: DiskImage())
            for index in UInt64(1)...3 {
                disk.submit(Self.write(index, [Self.entry(2 * index - 1), Self.entry(2 * index)]))
            }
            try disk.crash(&random, tears: seed % 2 == 0)
            lengths.insert(disk.image.log.lastIndex.rawValue)
            if seed % 2 == 1 { #expect(disk.image.log.lastIndex.rawValue % 2 == 0) }
            #expect(disk.pending.isEmpty)
        }
        #expect(lengths == [0, 1, 2, 3, 4, 5, 6])
    }

    @Test func anEntryCutsOffWhatCameAfterIt() throws {
        var image = DiskImage()
        try image.apply(Self.write(1, (1...5).map { Self.entry($0) }))
        try image.apply(Self.write(2, [Self.entry(3, term: 2)]))
        #expect(image.log.lastIndex == LogIndex(3))
        #expect(image.log.lastTerm == Term(2))
        #expect(throws: Broken.self) { try image.apply(Self.write(3, [Self.entry(5, term: 2)])) }
    }

    @Test func aDiskAccusesWhoForgetsItsVote() throws {
        var image = DiskImage()
        try image.apply(HardState(term: Term(2), votedFor: NodeID(1)))
        #expect(throws: Broken.self) { try image.apply(HardState(term: Term(2), votedFor: NodeID(2))) }
        #expect(throws: Broken.self) { try image.apply(HardState(term: Term(2))) }
        #expect(throws: Broken.self) { try image.apply(HardState(term: Term(1))) }
        try image.apply(HardState(term: Term(3), votedFor: NodeID(2)))
    }

    @Test func piecesOfASnapshotFit() throws {
        let metadata = SnapshotMetadata(index: LogIndex(7), term: Term(1), configuration: Configuration(voters: []))
        func piece(_ offset: UInt64, _ bytes: [UInt8], last: Bool = false, from source: UInt64 = 1) -> Write {
            let chunk = SnapshotChunk(
                snapshot: metadata, source: NodeID(source), offset: offset, bytes: Bytes(bytes), isLast: last)
            return Write(sequence: 1, chunk: chunk, mustSync: true)
        }
        var image = DiskImage()
        try image.apply(piece(0, [1, 2]))
        #expect(image.state.partialSnapshot?.bytes == 2)
        #expect(throws: Broken.self) { try image.apply(piece(3, [4])) }
        #expect(throws: Broken.self) { try image.apply(piece(2, [3], from: 2)) }
        try image.apply(piece(1, [9, 3], last: true))
        #expect(image.snapshot?.bytes == [1, 9, 3])
        #expect(image.log.lastIndex == LogIndex(7))
    }

    // MARK: The network

    @Test func aCutHoldsAsLongAsAnyOfIt() {
        var network = SimulatedNetwork(plan: FaultPlan(), random: SeededRandom(seed: 1))
        let links = network.links(to: 1, nodes: 3)
        network.cut(links)
        network.cut(links)
        #expect(network.arrivals(from: 0, to: 1, at: 5).first == nil)
        #expect(network.arrivals(from: 1, to: 0, at: 5).first != nil)
        network.mend(links)
        #expect(network.arrivals(from: 2, to: 1, at: 5).first == nil)
        network.mend(links)
        #expect(network.arrivals(from: 2, to: 1, at: 5).first != nil)
    }

    @Test func linksKeepTheOrderWhenThePlanSaysSo() {
        for keepsOrder in [true, false] {
            var plan = FaultPlan()
            plan.keepsOrder = keepsOrder
            plan.delay = 1...10_000
            var network = SimulatedNetwork(plan: plan, random: SeededRandom(seed: 1))
            let times = (0..<100).compactMap { network.arrivals(from: 0, to: 1, at: $0).first }
            #expect((times == times.sorted()) == keepsOrder)
        }
    }

    // MARK: State machines

    @Test func aCommandIsDoneOnce() {
        var store = SimulatedStore(keys: 1, clients: 1)
        let command = Command(client: 0, sequence: 1, key: 0, input: .mix(7)).encoded(padding: 5)
        for index in UInt64(1)...3 {
            _ = store.apply(Entry(term: Term(1), index: LogIndex(index), payload: .command(command)))
        }
        #expect(store.value(of: 0) == Register.apply(.mix(7), to: 0).state)
        #expect(store.answer(to: 0, 1) == store.value(of: 0))
        #expect(store.answer(to: 0, 2) == nil)
    }

    @Test func aSnapshotIsTheStateAndNotPartsOfTwo() {
        var store = SimulatedStore(keys: 2, clients: 2)
        let command = Command(client: 1, sequence: 1, key: 1, input: .write(7)).encoded(padding: 0)
        _ = store.apply(Entry(term: Term(1), index: LogIndex(1), payload: .command(command)))
        let one = store.encoded(padding: 500, salt: 1)
        let two = store.encoded(padding: 500, salt: 2)
        var restored = SimulatedStore(keys: 2, clients: 2)
        func restores(_ bytes: [UInt8]) -> Bool { restored.restore(bytes, padding: 500) }
        #expect(restores(one))
        #expect(restored.index == LogIndex(1))
        #expect(restored.hash == store.hash)
        #expect(restored.value(of: 1) == 7)
        #expect(!restores(Array(one.prefix(300)) + two.dropFirst(300)))
        #expect(!restores(Array(one.dropLast())))
    }
}
