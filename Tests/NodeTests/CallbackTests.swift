import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// The forms without a task, and what an observer is told.
@Suite struct CallbackTests {
    @Test func `many proposals and reads without a task are answered once each`() async throws {
        try await withCluster(Cluster()) { cluster in
            _ = try await cluster.leader()
            let answers = Locked<[Int]>([])
            let seen = Locked<[Int]>([])
            for number in 0..<300 {
                let node = cluster.nodes[number % 3]
                node.propose(Array("\(number)".utf8)) { result in
                    let answer = (try? result.get()) ?? -1
                    answers.withLock { $0.append(answer) }
                    // What was answered is seen by every read that begins now.
                    node.read(.quorum) { result in
                        let count = (try? result.get())?.lines.count ?? -1
                        seen.withLock { $0.append(count - answer) }
                    }
                }
            }
            try await cluster.until { seen.withLock { $0.count } == 300 }
            #expect(answers.withLock { $0.sorted() } == Array(1...300))
            #expect(seen.withLock { $0.allSatisfy { $0 >= 0 } })
            #expect(Set(try await cluster.converge(300)) == Set((0..<300).map(String.init)))
        }
    }

    @Test func `who is refused at once is told at once`() async throws {
        var settings = NodeSettings.test
        settings.maximumWaiting = 3
        settings.maximumCommandBytes = 10
        let cluster = Cluster(settings: settings)
        try cluster.start(1)
        let node = cluster[1]
        let codes = Locked<[NodeError.Code?]>([])
        @Sendable func note<Value>(_ result: Result<Value, NodeError>) {
            codes.withLock { $0.append(result.failure?.code) }
        }
        node.propose([UInt8](repeating: 0, count: 11), then: note)
        #expect(codes.withLock { $0 } == [.invalidRequest])
        for _ in 0..<2 { node.propose([1], then: note) }
        node.read(.quorum, then: note)
        try await eventually { try await node.status.waiting == 3 }
        node.propose([1], then: note)
        node.read(.lease, then: note)
        node.readLocally(then: note)
        #expect(codes.withLock { $0 } == [.invalidRequest, .overloaded, .overloaded, .overloaded])
        await cluster.stopAll()
        #expect(codes.withLock { $0.suffix(3) } == [.stopped, .stopped, .stopped])
        node.readLocally(then: note)
        #expect(codes.withLock { $0.last } == .stopped)
    }

    @Test func `reads and observers leave the machine's storage its own`() async throws {
        let watcher = Watcher<OwnStorage>()
        let node = ReplicatedNode(
            NodeID(1), machine: OwnStorage(), beginning: .founding([Member(NodeID(1))]), storage: MemoryStorage(),
            transport: InProcessNetwork().transport(), settings: .quickTicks, observer: watcher, logger: .silent)
        let run = Task { try await node.run() }
        // The first write leaves the machine that the node was made with as it was.
        _ = try await node.propose([0])
        let before = try await node.read { $0.copies }
        for _ in 0..<100 {
            let reads = Locked(0)
            for _ in 0..<4 {
                node.read(.quorum) {
                    if case .success(let machine) = $0, machine.writes > 0 { reads.withLock { $0 += 1 } }
                }
                node.readLocally {
                    if case .success(let machine) = $0, machine.writes > 0 { reads.withLock { $0 += 1 } }
                }
            }
            _ = try await node.propose([1])
            _ = try await node.read { $0.writes }
            try await eventually { reads.withLock { $0 } == 8 }
        }
        let (writes, copies) = try await node.read { ($0.writes, $0.copies) }
        #expect(writes == 101)
        #expect(copies == before)
        #expect(watcher.events.withLock { $0.count } >= 101)
        run.cancel()
        _ = await run.result
    }

    @Test func `an observer hears of standing, of what is applied in order, and of snapshots`() async throws {
        var settings = NodeSettings.test
        settings.snapshotAfterBytes = 2_000
        settings.raft.trailingEntries = 5
        let watchers = Locked<[NodeID: Watcher<Ledger>]>([:])
        let cluster = Cluster(
            settings: settings,
            observer: { id in
                let watcher = Watcher<Ledger>(count: { $0.lines.count })
                watchers.withLock { $0[id] = watcher }
                return watcher
            })
        try await withCluster(cluster) { cluster in
            let leader = try await cluster.leader()
            let away = try #require(try await cluster.followers().first)
            await cluster.stop(away.id.rawValue)
            for number in 0..<200 { _ = try await cluster.whileTicking { try await leader.write("\(number)") } }
            try cluster.start(away.id.rawValue)
            _ = try await cluster.converge(200)
            for node in cluster.nodes {
                let events = watchers.withLock { $0[node.id]! }.events.withLock { $0 }
                let indexes = events.compactMap(\.index)
                #expect(indexes == indexes.sorted())
                #expect(indexes.last == (try await node.status.appliedIndex))
                #expect(events.compactMap(\.count).last == 200)
                #expect(events.contains { $0.isRestore } == (node.id == away.id), "node \(node.id)")
                let standings = events.compactMap(\.standing)
                #expect(standings.last == node.standing)
                #expect(standings.contains { $0.role == .leader } == (node.id == leader.id))
            }
            // From its own snapshot, at the start.
            await cluster.stop(leader.id.rawValue)
            try cluster.start(leader.id.rawValue)
            let watcher = watchers.withLock { $0[leader.id]! }
            try await cluster.until { watcher.events.withLock { !$0.isEmpty } }
            #expect(watcher.events.withLock { $0.first?.isRestore } == true)
        }
    }
}

/// A machine that notices when a write has to copy its storage.
private struct OwnStorage: StateMachine {
    // Safe: written only when nobody else has it.
    private final class Storage: @unchecked Sendable {
        var writes = 0
        var copies = 0
    }

    private var storage = Storage()

    var writes: Int { storage.writes }
    var copies: Int { storage.copies }

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> Int {
        if !isKnownUniquelyReferenced(&storage) {
            let copy = Storage()
            copy.writes = storage.writes
            copy.copies = storage.copies + 1
            storage = copy
        }
        storage.writes += 1
        return storage.writes
    }

    func write(to snapshot: inout SnapshotOutput) throws {}
    mutating func restore(from snapshot: inout SnapshotInput) throws {}
}

extension Result {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
