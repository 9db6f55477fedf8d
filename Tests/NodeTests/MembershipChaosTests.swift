import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// Members are added, promoted, moved, killed and removed while all of them are written to.
@Suite struct MembershipChaosTests {
    /// What the writers know.
    private struct Journal {
        var acknowledged: Set<String> = []
        var uncertain: Set<String> = []
        var isOver = false
    }

    @Test(.timeLimit(.minutes(3)), arguments: [1, 2] as [UInt64])
    func `members change under load and kills, and nothing is lost or doubled`(_ seed: UInt64) async throws {
        let cluster = Cluster()
        let journal = Locked(Journal())
        let removed = Locked<Set<NodeID>>([])
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            try await cluster.whileTicking {
                try await withThrowingTaskGroup { group in
                    for writer in 0..<6 as Range<UInt64> {
                        group.addTask { try await write(writer, seed, to: cluster, journal, removed) }
                    }
                    group.addTask {
                        defer { journal.withLock { $0.isOver = true } }
                        try await churn(seed, cluster, removed)
                    }
                    try await group.waitForAll()
                }
            }
            let (acknowledged, uncertain) = journal.withLock { ($0.acknowledged, $0.uncertain) }
            let lines = try await cluster.converge(acknowledged.count)
            #expect(acknowledged.count > 50, "seed \(seed)")
            #expect(Set(lines).count == lines.count, "seed \(seed): doubled")
            #expect(acknowledged.isSubset(of: lines), "seed \(seed): lost")
            #expect(Set(lines).isSubset(of: acknowledged.union(uncertain)), "seed \(seed)")
            for node in cluster.nodes {
                try await cluster.until { try await Set(node.status.removed) == removed.withLock { $0 } }
                #expect(try await node.status.raft.configuration.voters == cluster.nodes.map(\.id), "seed \(seed)")
            }
        }
    }

    private func write(
        _ writer: UInt64, _ seed: UInt64, to cluster: Cluster, _ journal: Locked<Journal>,
        _ removed: Locked<Set<NodeID>>
    ) async throws {
        var random = SeededRandom(seed: seed &* 1_000 &+ writer)
        var number = 0
        while !journal.withLock({ $0.isOver }) {
            guard let node = usable(cluster, removed).randomElement(using: &random) else { continue }
            number += 1
            let line = "\(writer)/\(number)"
            do {
                _ = try await node.write(line)
                journal.withLock { _ = $0.acknowledged.insert(line) }
            } catch {
                let mayHaveHappened = (error as? NodeError)?.mayHaveHappened ?? true
                let isKnown = (error as? NodeError)?.code != .answerLost
                journal.withLock {
                    if !isKnown { $0.acknowledged.insert(line) } else if mayHaveHappened { $0.uncertain.insert(line) }
                }
                await Task.yield()
            }
        }
    }

    /// Each round a node joins, a member is killed and comes back, and another one leaves.
    private func churn(_ seed: UInt64, _ cluster: Cluster, _ removed: Locked<Set<NodeID>>) async throws {
        var random = SeededRandom(seed: seed)
        for id in 4...9 as ClosedRange<UInt64> {
            let new = NodeID(id)
            try cluster.start(id, beginning: .joining(cluster.founders))
            try await insist(on: [.addLearner(Member(new, at: "n\(id)"))], cluster, removed) {
                $0.configuration.learners.contains(new)
            }
            try await insist(on: [.promote(new)], cluster, removed) { $0.configuration.voters.contains(new) }
            let killed = usable(cluster, removed).map(\.id.rawValue).randomElement(using: &random)!
            await cluster.stop(killed)
            try await insist(on: [.update(Member(new, at: "moved \(id)"))], cluster, removed) { _ in false }
            try cluster.start(killed, beginning: killed > 3 ? .joining(cluster.founders) : nil)
            let old = usable(cluster, removed).map(\.id).filter { $0 != new }.randomElement(using: &random)!
            removed.withLock { _ = $0.insert(old) }
            try await insist(on: [.remove(old)], cluster, removed) { !$0.configuration.members.contains(old) }
            let outcome = await cluster.outcome(old.rawValue)
            let error = #expect(throws: NodeError.self, "seed \(seed)") { try outcome.get() }
            #expect(error?.code == .removed, "seed \(seed)")
            await cluster.stop(old.rawValue)
        }
    }

    /// Asks one node after the other until it is done, or has been done by an attempt that had no answer.
    private func insist(
        on changes: [MemberChange], _ cluster: Cluster, _ removed: Locked<Set<NodeID>>,
        until isDone: (Status) -> Bool
    ) async throws {
        var attempt = 0
        try await eventually {
            let nodes = usable(cluster, removed)
            let node = nodes[attempt % nodes.count]
            attempt += 1
            do {
                try await node.change(changes)
                return true
            } catch is NodeError {}
            guard let leader = nodes.first(where: { $0.standing.role == .leader }),
                let status = try? await leader.status.raft, status.standing.role == .leader
            else { return false }
            return isDone(status)
        }
    }

    private func usable(_ cluster: Cluster, _ removed: Locked<Set<NodeID>>) -> [Cluster.Node] {
        cluster.nodes.filter { node in !removed.withLock { $0.contains(node.id) } }
    }
}
