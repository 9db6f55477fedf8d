import ApusPrimitives
import ApusRaft

/// The faults end; now the cluster has to agree, and to answer everybody.
extension Simulation {
    private static let lookTime: UInt64 = 20_000

    func heal() throws(Broken) {
        note(nil, "the faults end")
        isHealed = true
        plan.dropPerMille = 0
        plan.doublePerMille = 0
        plan.longDelayPerMille = 0
        plan.keepsOrder = true
        plan.delay = 100...1_500
        plan.halfwayPerMille = 0
        plan.writeTime = 50...1_000
        plan.stallPerMille = 0
        plan.diskErrorPerMille = 0
        plan.batchPerMille = 0
        network.heal(plan)
        for index in clients.indices {
            clients[index].left = 3
            if clients[index].operation == nil { schedule(.begin(client: index), after: clientRandom.below(20_000)) }
        }
        for node in nodes {
            node.tickTime = FaultPlan.tickTime
            if node.isUp {
                node.isBlocked = false
                node.raft?.storageBecame(writable: true)
                try settle(node)
            } else {
                // Also who was turned off: a change that brings it back may be in somebody's log.
                node.isRetired = false
                try restart(node)
            }
        }
        schedule(.look, after: Self.lookTime)
    }

    /// Whether all is well, and what an operator would do about it.
    func look() throws(Broken) {
        schedule(.look, after: Self.lookTime)
        guard let leader = currentLeader, let configuration = leader.configuration else { return }
        if let last = leader.configurations.last, last.index <= leader.seenCommit,
            configuration == judge.configurations.last?.configuration
        {
            if configuration.isJoint {
                // Whoever asked for it to stay joint leaves it; otherwise the leader does.
                guard configuration.leaving == .explicit else { return }
                do { _ = try leader.raft?.propose(.leaveJoint) } catch { note(leader, "stays joint: \(error)") }
                try settle(leader)
                return
            }
            for node in nodes where node.isUp && !configuration.contains(node.id) && node !== leader {
                try retire(node, because: configuration)
            }
        }
        for node in nodes where node.isRetired && configuration.contains(node.id) {
            node.isRetired = false
            try restart(node)
        }
        hasConverged = trouble(leader, configuration) == nil
    }

    /// What is still missing; nil when nothing is.
    private func trouble(_ leader: SimulatedNode, _ configuration: Configuration) -> String? {
        if configuration.isJoint { return "the configuration is joint" }
        if let index = clients.firstIndex(where: { $0.operation != nil || $0.left > 0 }) {
            return "client \(index) has no answer"
        }
        let last = leader.log.lastIndex
        if judge.lastCommitted < last { return "entry \(last) is not committed" }
        for node in nodes where configuration.contains(node.id) {
            guard node.isUp else { return "\(node.id) is down" }
            if node.log.lastIndex != last || node.log.lastTerm != leader.log.lastTerm {
                return
                    "the log of \(node.id) ends at \(node.log.lastIndex) of term \(node.log.lastTerm), not at \(last)"
            }
            if node.store.index != last { return "\(node.id) has applied \(node.store.index), not \(last)" }
        }
        return nil
    }

    func stuck() -> String {
        let time = Virtual.text(plan.livenessTime)
        guard let leader = currentLeader, let configuration = leader.configuration else {
            return "no leader \(time) after the faults ended"
        }
        return "\(trouble(leader, configuration) ?? "nothing is missing") \(time) after the faults ended"
    }
}
