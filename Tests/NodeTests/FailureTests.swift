import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

@Suite struct FailureTests {
    private func onFaultyDisks() -> (Cluster, disks: Locked<[NodeID: FaultyStorage]>) {
        let disks = Locked<[NodeID: FaultyStorage]>([:])
        let cluster = Cluster(storage: { id in
            let disk = FaultyStorage()
            disks.withLock { $0[id] = disk }
            return disk
        })
        return (cluster, disks)
    }

    @Test func `without a majority, callers are told`() async throws {
        var settings = NodeSettings.test
        settings.timeoutTicks = 60
        try await withCluster(Cluster(settings: settings)) { cluster in
            let leader = try await cluster.leader()
            _ = try await cluster.whileTicking { try await leader.write("fine") }
            for follower in try await cluster.followers() { await cluster.stop(follower.id.rawValue) }
            // It was in the leader's log before that knew that it had lost its followers.
            let error = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await leader.write("stuck") }
            }
            #expect(error?.code == .timeout)
            #expect(error?.mayHaveHappened == true)
            try await cluster.until { leader.standing.leader == nil }
            let proposal = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await leader.write("refused") }
            }
            #expect(proposal?.code == .noLeader)
            #expect(proposal?.mayHaveHappened == false)
            let read = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await leader.lines() }
            }
            #expect(read?.code == .noLeader)
            #expect(try await leader.readLocally { $0.lines } == ["fine"])
        }
    }

    @Test func `what waits is bounded`() async throws {
        var settings = NodeSettings.test
        settings.maximumWaiting = 10
        settings.maximumWaitingBytes = 10_000
        settings.maximumCommandBytes = 6_000
        let cluster = Cluster(settings: settings)
        try cluster.start(1)
        let node = cluster[1]
        let large = await #expect(throws: NodeError.self) {
            try await node.propose([UInt8](repeating: 0, count: 6_001))
        }
        #expect(large?.code == .invalidRequest)
        let waiting = (0..<10).map { number in Task { try await node.write("\(number)") } }
        try await eventually { try await node.status.waiting == 10 }
        let eleventh = await #expect(throws: NodeError.self) { try await node.write("one too many") }
        #expect(eleventh?.code == .overloaded)
        #expect(eleventh?.retry != .never)
        // Who goes away makes room.
        for task in waiting.prefix(5) { task.cancel() }
        for task in waiting.prefix(5) { await #expect(throws: CancellationError.self) { try await task.value } }
        try await eventually { try await node.status.waiting == 5 }
        let first = Task { try await node.propose([UInt8](repeating: 0, count: 5_000)) }
        try await eventually { try await node.status.waiting == 6 }
        let bytes = await #expect(throws: NodeError.self) {
            try await node.propose([UInt8](repeating: 0, count: 5_000))
        }
        #expect(bytes?.code == .overloaded)
        await cluster.stopAll()
        let stopped = await #expect(throws: NodeError.self) { try await first.value }
        #expect(stopped?.code == .stopped)
        for task in waiting.dropFirst(5) { await #expect(throws: NodeError.self) { try await task.value } }
        let late = await #expect(throws: NodeError.self) { try await node.write("too late") }
        #expect(late?.code == .stopped)
    }

    @Test func `who waited when its task was cancelled is let go, before and after it arrives`() async throws {
        try await withCluster(Cluster(1)) { cluster in
            let node = try await cluster.leader()
            for _ in 0..<200 {
                let proposal = Task { try await node.write("perhaps") }
                let read = Task { try await node.lines() }
                proposal.cancel()
                read.cancel()
                _ = await proposal.result
                _ = await read.result
            }
            try await cluster.until { try await node.status.waiting == 0 }
        }
    }

    @Test func `a node whose disk failed ends, and the others go on`() async throws {
        let (cluster, disks) = onFaultyDisks()
        try await withCluster(cluster) { cluster in
            let leader = try await cluster.leader()
            _ = try await cluster.whileTicking { try await leader.write("kept") }
            disks.withLock { $0[leader.id] }?.fail()
            let failed = await cluster.outcome(leader.id.rawValue)
            let error = #expect(throws: NodeError.self) { try failed.get() }
            #expect(error?.code == .failed)
            let refused = await #expect(throws: NodeError.self) { try await leader.write("no more") }
            #expect(refused?.code == .failed)
            await cluster.stop(leader.id.rawValue)
            let next = try await cluster.leader()
            _ = try await cluster.whileTicking { try await next.write("went on") }
            #expect(try await cluster.converge(2) == ["kept", "went on"])
        }
    }

    @Test(arguments: [true, false])
    func `who hears of a leader before its disk has the term, proposes once it has`(wasSent: Bool) async throws {
        let (cluster, disks) = onFaultyDisks()
        try await withCluster(cluster) { cluster in
            let leader = try await cluster.leader()
            let followers = try await cluster.followers()
            let (next, slow) = (followers[0], followers[1])
            var line: Task<Int, any Error>?
            if wasSent {
                _ = try await cluster.whileTicking { try await slow.write("first") }
                // What is on its way to the old leader gets lost.
                cluster.network.cut(from: slow.id, to: leader.id)
                line = Task { try await slow.write("line") }
                try await eventually { try await slow.status.waiting == 1 }
            }
            let disk = try #require(disks.withLock { $0[slow.id] })
            disk.hang()
            try await cluster.whileTicking { try await leader.transferLeadership(to: next.id) }
            try await cluster.until { slow.standing.leader == next.id }
            if !wasSent { line = Task { try await slow.write("line") } }
            try await eventually { try await slow.status.waiting == 1 }
            // No time goes by from here on.
            disk.resume()
            try await eventually { try await slow.status.waiting == 0 }
            #expect(try await line?.value == (wasSent ? 2 : 1))
        }
    }

    @Test func `a full disk refuses proposals, serves reads, and recovers`() async throws {
        let disk = FaultyStorage()
        try await withCluster(Cluster(1, storage: { _ in disk })) { cluster in
            let node = try await cluster.leader()
            _ = try await cluster.whileTicking { try await node.write("kept") }
            disk.report(.writable(false))
            try await cluster.until {
                let error = await #expect(throws: NodeError.self) {
                    try await cluster.whileTicking { try await node.write("refused") }
                }
                return error?.code == .noSpace
            }
            #expect(try await cluster.whileTicking { try await node.lines() } == ["kept"])
            disk.report(.writable(true))
            _ = try await cluster.whileTicking { try await node.write("again") }
            #expect(try await cluster.converge(2) == ["kept", "again"])
        }
    }

    @Test func `a node runs once`() async throws {
        try await withCluster(Cluster(1)) { cluster in
            let node = try await cluster.leader()
            let error = await #expect(throws: NodeError.self) { try await node.run() }
            #expect(error?.code == .invalidRequest)
        }
    }
}
