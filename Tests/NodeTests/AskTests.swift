import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// Requests to the leader that are not replicated.
@Suite struct AskTests {
    /// What each node's application was asked.
    private final class Asked: Sendable {
        let requests = Locked<[(node: NodeID, text: String)]>([])
        /// Answers that nobody gave yet.
        let held = Locked<[Watcher<Ledger>.Reply]>([])

        func observer(
            _ id: NodeID, answer: @escaping @Sendable (String) -> Result<[UInt8], NodeError>?
        ) -> Watcher<Ledger> {
            Watcher(respond: { request, reply in
                let text = String(decoding: request, as: UTF8.self)
                self.requests.withLock { $0.append((id, text)) }
                if let result = answer(text) { reply(result) } else { self.held.withLock { $0.append(reply) } }
            })
        }

        func cluster(
            settings: NodeSettings = .test, storage: (@Sendable (NodeID) throws -> any NodeStorage)? = nil,
            answer: @escaping @Sendable (String) -> Result<[UInt8], NodeError>?
        ) -> Cluster {
            Cluster(settings: settings, storage: storage, observer: { self.observer($0, answer: answer) })
        }

        var count: Int { requests.withLock { $0.count } }
    }

    private func ask(_ node: Cluster.Node, _ text: String) async throws -> String {
        String(decoding: try await node.askLeader(Array(text.utf8)), as: UTF8.self)
    }

    @Test func `every node's requests are answered by the leader`() async throws {
        let asked = Asked()
        let cluster = asked.cluster { .success(Array("re \($0)".utf8)) }
        try cluster.startAll()
        // Before there is a leader: it waits for one.
        let early = Task { try await ask(cluster[1], "early") }
        let leader = try await cluster.leader()
        #expect(try await cluster.whileTicking { try await early.value } == "re early")
        for round in 0..<20 {
            for node in cluster.nodes {
                let answer = try await cluster.whileTicking { try await ask(node, "\(round)") }
                #expect(answer == "re \(round)")
            }
        }
        #expect(asked.requests.withLock { $0.allSatisfy { $0.node == leader.id } })
        #expect(asked.count == 61)
        await cluster.stopAll()
    }

    @Test func `what the application refuses arrives as it is`() async throws {
        let refusal = NodeError(
            .init(rawValue: "lease not found"), "there is no lease 7", retry: .after(.milliseconds(1_500)),
            leader: Member(NodeID(9), at: "n9"))
        let asked = Asked()
        try await withCluster(asked.cluster { _ in .failure(refusal) }) { cluster in
            _ = try await cluster.leader()
            for node in cluster.nodes {
                let error = await #expect(throws: NodeError.self) {
                    try await cluster.whileTicking { try await ask(node, "keep 7") }
                }
                #expect(error?.code == refusal.code)
                #expect(error?.message == refusal.message)
                #expect(error?.retry == refusal.retry)
                #expect(error?.leader == refusal.leader)
                #expect(error?.mayHaveHappened == false)
            }
        }
    }

    @Test func `what was sent is not repeated by another leader, and says that it may have happened`() async throws {
        let asked = Asked()
        try await withCluster(asked.cluster { _ in nil }) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            let request = Task { try await ask(follower, "once") }
            try await cluster.until { asked.count == 1 }
            cluster.network.isolate(leader.id, from: cluster.founders.map(\.id))
            let error = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await request.value }
            }
            #expect(error?.mayHaveHappened == true)
            #expect(error?.code == .notLeader)
            // The answer comes too late.
            cluster.network.heal()
            for reply in asked.held.withLock({ $0 }) { reply(.success([1])) }
            try await cluster.until { try await follower.status.waiting == 0 }
            #expect(asked.count == 1)
        }
    }

    @Test func `what was not sent yet goes to the next leader`() async throws {
        let asked = Asked()
        try await withCluster(asked.cluster { .success(Array($0.utf8)) }) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            await cluster.stop(leader.id.rawValue)
            // It does not know yet that nobody leads.
            #expect(try await cluster.whileTicking { try await ask(follower, "twice asked") } == "twice asked")
            #expect(asked.count == 1)
        }
    }

    @Test func `requests are bounded in number, bytes and time`() async throws {
        let asked = Asked()
        var settings = NodeSettings.test
        settings.maximumWaiting = 8
        settings.maximumCommandBytes = 100
        settings.timeoutTicks = 200
        let cluster = asked.cluster(settings: settings) { text in
            text == "large" ? .success([UInt8](repeating: 0, count: 101)) : nil
        }
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            let long = String(repeating: "x", count: 101)
            let tooLong = await #expect(throws: NodeError.self) { try await ask(follower, long) }
            #expect(tooLong?.code == .invalidRequest)
            let large = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await ask(follower, "large") }
            }
            #expect(large?.code == .invalidRequest)
            let waiting = (0..<8).map { _ in Task { try await ask(follower, "never answered") } }
            try await eventually { try await follower.status.waiting == 8 }
            let ninth = await #expect(throws: NodeError.self) { try await ask(follower, "one too many") }
            #expect(ninth?.code == .overloaded)
            // A caller that goes away makes room.
            waiting[0].cancel()
            await #expect(throws: CancellationError.self) { try await waiting[0].value }
            try await eventually { try await follower.status.waiting == 7 }
            for task in waiting.dropFirst() {
                let error = await #expect(throws: NodeError.self) {
                    try await cluster.whileTicking { try await task.value }
                }
                #expect(error?.code == .timeout)
                #expect(error?.mayHaveHappened == true)
            }
            // The leader has as many as it works on.
            try await cluster.until { asked.count == 9 }
            let full = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await ask(follower, "no") }
            }
            #expect(full?.code == .overloaded)
        }
    }

    @Test func `a leader whose disk does not answer still answers, and confirms that it leads`() async throws {
        let disks = Locked<[NodeID: FaultyStorage]>([:])
        let asked = Asked()
        var settings = NodeSettings.test
        settings.raft.stalledDiskTicks = 1_000
        let cluster = asked.cluster(
            settings: settings,
            storage: { id in
                let disk = FaultyStorage()
                disks.withLock { $0[id] = disk }
                return disk
            }, answer: { .success(Array($0.utf8)) })
        try await withCluster(cluster) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            _ = try await cluster.whileTicking { try await leader.write("before") }
            let disk = disks.withLock { $0[leader.id]! }
            disk.hang()
            // The followers' disks are a majority.
            let written = Task { try await follower.write("meanwhile") }
            let confirmed = Locked(0)
            for round in 0..<100 {
                for node in [leader, follower] {
                    #expect(try await cluster.whileTicking { try await ask(node, "\(round)") } == "\(round)")
                }
                // What a keep-alive needs besides: that it leads still.
                leader.confirmLeadership { if case .success = $0 { confirmed.withLock { $0 += 1 } } }
                try await cluster.until { confirmed.withLock { $0 } == round + 1 }
            }
            #expect(leader.standing.role == .leader)
            let refused = Locked<NodeError?>(nil)
            follower.confirmLeadership { result in refused.withLock { $0 = result.failure } }
            try await cluster.until { refused.withLock { $0?.code } == .notLeader }
            #expect(refused.withLock { $0?.leader?.id } == leader.id)
            #expect(try await cluster.whileTicking { try await written.value } == 2)
            disk.resume()
            #expect(try await cluster.converge(2) == ["before", "meanwhile"])
        }
    }

    @Test func `a leader whose disk hangs for too long hands over, and requests go to the next one`() async throws {
        let disks = Locked<[NodeID: FaultyStorage]>([:])
        let asked = Asked()
        let cluster = asked.cluster(
            storage: { id in
                let disk = FaultyStorage()
                disks.withLock { $0[id] = disk }
                return disk
            }, answer: { .success(Array($0.utf8)) })
        try await withCluster(cluster) { cluster in
            let leader = try await cluster.leader()
            _ = try await cluster.whileTicking { try await leader.write("before") }
            disks.withLock { $0[leader.id]! }.hang()
            let written = Task { try await leader.write("meanwhile") }
            try await cluster.until { cluster.agreedLeader.map { $0.id != leader.id } ?? false }
            let next = try await cluster.leader()
            #expect(try await cluster.whileTicking { try await ask(leader, "after") } == "after")
            #expect(asked.requests.withLock { $0.last?.node } == next.id)
            disks.withLock { $0[leader.id]! }.resume()
            _ = try await cluster.whileTicking { try await written.value }
        }
    }

    @Test func `over sockets too, and a cut connection is told or survived`() async throws {
        let ports = try await freePorts(3)
        let asked = Asked()
        let cluster = Cluster(
            transport: { id in
                // Safe: the address is well-formed.
                try! TCPTransport(
                    listeningOn: "127.0.0.1:\(ports[Int(id.rawValue - 1)])", cluster: "test", settings: .quick,
                    logger: .silent)
            }, address: { "127.0.0.1:\(ports[Int($0.rawValue - 1)])" },
            observer: { asked.observer($0) { $0 == "hold" ? nil : .success(Array($0.utf8)) } })
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            for node in cluster.nodes {
                for round in 0..<50 {
                    #expect(try await cluster.whileTicking { try await ask(node, "\(round)") } == "\(round)")
                }
            }
            // On a busy machine leadership may move just now, to the one that asks.
            let (follower, held, holder) = try await hold(cluster, asked)
            await cluster.stop(holder.rawValue)
            let error = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await held.value }
            }
            #expect(error?.mayHaveHappened == true)
            #expect(try await cluster.whileTicking { try await ask(follower, "again") } == "again")
        }
    }

    /// A request that another node than the one that asks works on, for ever.
    private func hold(
        _ cluster: Cluster, _ asked: Asked
    ) async throws -> (asker: Cluster.Node, request: Task<String, any Error>, holder: NodeID) {
        while true {
            let asker = try #require(try await cluster.followers().first)
            let before = asked.count
            let request = Task { try await ask(asker, "hold") }
            try await cluster.until { asked.count > before }
            let holder = asked.requests.withLock { $0.last!.node }
            if holder != asker.id { return (asker, request, holder) }
            request.cancel()
        }
    }
}
