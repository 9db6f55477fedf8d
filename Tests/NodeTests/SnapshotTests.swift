import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

@testable import ApusNode

@Suite struct SnapshotTests {
    private static var small: NodeSettings {
        var settings = NodeSettings.test
        settings.snapshotAfterBytes = 4_000
        settings.raft.trailingEntries = 5
        settings.raft.snapshotChunkBytes = 1_000
        return settings
    }

    private func write(_ range: Range<Int>, to node: Cluster.Node, in cluster: Cluster) async throws {
        try await cluster.whileTicking {
            for number in range { _ = try await node.write("line \(number)") }
        }
    }

    @Test func `the log is cut, and who was away gets a snapshot`() async throws {
        try await withCluster(Cluster(settings: Self.small)) { cluster in
            let leader = try await cluster.leader()
            let away = try #require(try await cluster.followers().first)
            try await write(0..<20, to: away, in: cluster)
            await cluster.stop(away.id.rawValue)
            try await write(20..<400, to: leader, in: cluster)
            try await cluster.until { try await leader.status.raft.firstIndex > LogIndex(300) }
            try cluster.start(away.id.rawValue)
            let lines = try await cluster.converge(400)
            #expect(lines == (0..<400).map { "line \($0)" })
            // It takes part as before: its own proposals count once too.
            try await write(400..<420, to: cluster[away.id.rawValue], in: cluster)
            #expect(try await cluster.converge(420).count == 420)
        }
    }

    @Test func `all nodes come back from their snapshots`() async throws {
        try await withCluster(Cluster(settings: Self.small)) { cluster in
            let leader = try await cluster.leader()
            try await write(0..<300, to: leader, in: cluster)
            for node in cluster.nodes {
                try await cluster.until { try await node.status.raft.snapshot?.index ?? .zero > LogIndex(200) }
            }
            for id in 1...3 as ClosedRange<UInt64> { await cluster.stop(id) }
            for id in 1...3 as ClosedRange<UInt64> { try cluster.start(id) }
            _ = try await cluster.leader()
            try await write(300..<310, to: cluster[1], in: cluster)
            #expect(try await cluster.converge(310) == (0..<310).map { "line \($0)" })
        }
    }

    @Test func `a follower that is told of its own commands by a snapshot says so`() async throws {
        try await withCluster(Cluster(settings: Self.small)) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            _ = try await cluster.whileTicking { try await follower.write("before") }
            // The proposal arrives, and nothing comes back until the log is cut.
            cluster.network.cut(from: leader.id, to: follower.id)
            let proposal = Task { try await follower.write("unheard of") }
            try await cluster.until { try await leader.readLocally { $0.lines.contains("unheard of") } }
            try await write(0..<300, to: leader, in: cluster)
            try await cluster.until { try await leader.status.raft.firstIndex > LogIndex(200) }
            cluster.network.heal()
            let error = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await proposal.value }
            }
            #expect(error?.code == .answerLost)
            let lines = try await cluster.converge(302)
            #expect(lines.filter { $0 == "unheard of" }.count == 1)
        }
    }

    @Test func `who asked its leader to go sees in a snapshot that it went`() async throws {
        try await withCluster(Cluster(5, settings: Self.small)) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            // The request arrives, and the follower hears nothing until the logs are cut.
            for node in cluster.nodes { cluster.network.cut(from: node.id, to: follower.id) }
            let removal = Task { try await follower.change([.remove(leader.id)]) }
            let others = cluster.nodes.filter { ![leader.id, follower.id].contains($0.id) }
            try await cluster.until { others.contains { $0.standing.role == .leader } }
            let next = try #require(others.first { $0.standing.role == .leader })
            try await write(0..<300, to: next, in: cluster)
            try await cluster.until { try await next.status.raft.firstIndex > LogIndex(200) }
            cluster.network.heal()
            try await cluster.whileTicking { try await removal.value }
            #expect(try await follower.status.removed == [leader.id])
        }
    }

    @Test func `a snapshot can be asked for`() async throws {
        try await withCluster(Cluster(1)) { cluster in
            let node = try await cluster.leader()
            try await write(0..<5, to: node, in: cluster)
            try await cluster.whileTicking { try await node.takeSnapshot() }
            #expect(try await node.status.raft.snapshot?.index == node.status.appliedIndex)
        }
    }

    @Test func `what was written in any pieces is read in any pieces`() throws {
        for seed in 0..<30 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var content: [UInt8] = []
            var stored: [UInt8] = []
            var output = SnapshotOutput { stored += $0 }
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let count = Int.random(in: 0...40_000, using: &random)
                let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) }
                content += piece
                try output.write(raw: piece)
            }
            try output.finish()
            var input = Self.input(stored, &random)
            var read: [UInt8] = []
            while read.count < content.count {
                read += try input.read(raw: min(Int.random(in: 1...70_000, using: &random), content.count - read.count))
            }
            #expect(read == content, "seed \(seed)")
            #expect(try input.isAtEnd(), "seed \(seed)")
        }
    }

    @Test func `damage of a snapshot is always noticed`() throws {
        var stored: [UInt8] = []
        var output = SnapshotOutput { stored += $0 }
        try output.write(raw: (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        try output.finish()
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var damaged = stored
            switch seed % 3 {
            case 0:
                damaged[Int.random(in: damaged.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1: damaged.removeLast(Int.random(in: 1...damaged.count, using: &random))
            default: damaged.remove(at: Int.random(in: damaged.indices, using: &random))
            }
            var input = Self.input(damaged, &random)
            let error = #expect(throws: NodeError.self, "seed \(seed)") {
                _ = try input.read(raw: 100_000)
                _ = try input.isAtEnd()
            }
            #expect(error?.code == .corrupt)
        }
    }

    private static func input(_ stored: [UInt8], _ random: inout SeededRandom) -> SnapshotInput {
        var rest = stored[...]
        var random = random.split()
        return SnapshotInput {
            if rest.isEmpty { return nil }
            let piece = rest.prefix(Int.random(in: 1...50_000, using: &random))
            rest = rest.dropFirst(piece.count)
            return Array(piece)
        }
    }
}
