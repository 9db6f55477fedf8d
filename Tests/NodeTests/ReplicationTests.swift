import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

@Suite struct ReplicationTests {
    @Test func `what any node takes, all apply in one order`() async throws {
        try await withCluster(Cluster()) { cluster in
            _ = try await cluster.leader()
            let answers = try await cluster.whileTicking {
                try await withThrowingTaskGroup { group in
                    for node in cluster.nodes {
                        for number in 0..<50 { group.addTask { try await node.write("\(node.id)/\(number)") } }
                    }
                    return try await group.reduce(into: [Int]()) { $0.append($1) }
                }
            }
            #expect(answers.sorted() == Array(1...150))
            let lines = try await cluster.converge(150)
            #expect(Set(lines).count == 150)
        }
    }

    @Test(arguments: [ReadMode.quorum, .lease])
    func `a read on any node sees what was answered before`(_ mode: ReadMode) async throws {
        try await withCluster(Cluster()) { cluster in
            _ = try await cluster.leader()
            for round in 1...20 {
                for reader in cluster.nodes {
                    let writer = cluster.nodes[round % 3]
                    let lines = try await cluster.whileTicking {
                        let count = try await writer.write("\(round) for \(reader.id)")
                        return (count, try await reader.lines(mode))
                    }
                    #expect(lines.0 == lines.1.count)
                }
            }
        }
    }

    @Test func `a leader that is cut off answers nothing, and nothing is lost or doubled`() async throws {
        try await withCluster(Cluster()) { cluster in
            let old = try await cluster.leader()
            _ = try await cluster.whileTicking { try await old.write("before") }
            cluster.network.isolate(old.id, from: cluster.founders.map(\.id))
            let stranded = Task { try await old.write("stranded") }
            let others = cluster.nodes.filter { $0.id != old.id }
            try await cluster.until { others.contains { $0.standing.role == .leader } }
            _ = try await cluster.whileTicking { try await others[0].write("meanwhile") }
            // It does not read what others have moved on from.
            let read = Task { try await old.lines() }
            try await cluster.until { old.standing.leader == nil }
            cluster.network.heal()
            let seen = try await cluster.whileTicking { try await read.value }
            #expect(seen.prefix(2) == ["before", "meanwhile"])
            _ = try await cluster.whileTicking { try await stranded.value }
            #expect(try await cluster.converge(3) == ["before", "meanwhile", "stranded"])
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `every proposal takes effect once over a network that loses a quarter of all messages`(
        _ seed: UInt64
    ) async throws {
        try await withCluster(Cluster()) { cluster in
            let dice = Locked(SeededRandom(seed: seed))
            _ = try await cluster.leader()
            cluster.network.deliver { _ in dice.withLock { Int.random(in: 0..<4, using: &$0) > 0 } }
            try await cluster.whileTicking {
                try await withThrowingTaskGroup { group in
                    for node in cluster.nodes {
                        for writer in 0..<4 {
                            group.addTask {
                                for step in 0..<15 { _ = try await node.write("\(node.id)/\(writer)/\(step)") }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            cluster.network.deliver(only: nil)
            let lines = try await cluster.converge(180)
            #expect(lines.count == 180, "seed \(seed)")
            #expect(Set(lines).count == 180, "seed \(seed)")
            // One after the other, since each writer waits.
            for node in 1...3 {
                for writer in 0..<4 {
                    let own = lines.filter { $0.hasPrefix("\(node)/\(writer)/") }
                    #expect(own == (0..<15).map { "\(node)/\(writer)/\($0)" }, "seed \(seed)")
                }
            }
        }
    }

    @Test func `a node goes on where it was, and so does a whole cluster`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            _ = try await cluster.whileTicking { try await leader.write("one") }
            await cluster.stop(leader.id.rawValue)
            let next = try await cluster.leader()
            _ = try await cluster.whileTicking { try await next.write("two") }
            try cluster.start(leader.id.rawValue)
            #expect(try await cluster.converge(2) == ["one", "two"])
            for id in 1...3 as ClosedRange<UInt64> { await cluster.stop(id) }
            for id in 1...3 as ClosedRange<UInt64> { try cluster.start(id) }
            _ = try await cluster.leader()
            _ = try await cluster.whileTicking { try await cluster[2].write("three") }
            #expect(try await cluster.converge(3) == ["one", "two", "three"])
        }
    }

    @Test func `leadership moves to whom it is given`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().last)
            try await cluster.whileTicking { try await leader.transferLeadership(to: follower.id) }
            #expect(try await cluster.leader().id == follower.id)
            let error = await #expect(throws: NodeError.self) {
                try await leader.transferLeadership(to: follower.id, forwarding: false)
            }
            #expect(error?.code == .notLeader)
            #expect(error?.leader?.id == follower.id)
            // A node that does not lead asks the one that does.
            try await cluster.whileTicking { try await leader.transferLeadership(to: leader.id) }
            #expect(try await cluster.leader().id == leader.id)
        }
    }
}
