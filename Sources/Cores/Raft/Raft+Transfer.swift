// Handing leadership over (dissertation, section 3.10).
extension Raft {
    /// Hands leadership to `target`: no proposals until it leads, or until `electionTicks` have passed and it does not.
    ///
    /// - Throws: `notLeader`; `invalid` when `target` is no voter of the new configuration, or this node.
    public mutating func transferLeadership(to target: NodeID) throws(Refusal) {
        guard role == .leader else {
            throw Refusal(.notLeader, "only the leader hands over its leadership", leader: leader)
        }
        guard target != id, configuration.voters.contains(target), let place = place(of: target) else {
            throw Refusal(.invalid, "node \(target) cannot take over: it is no other voter", leader: id)
        }
        guard transferTarget != target else { return }
        transferTarget = target
        transferElapsed = 0
        askAgain(place)
        finishTransferIfReady()
    }

    /// The target has all of the log: nobody's is more up to date, so it can win.
    mutating func finishTransferIfReady() {
        guard let transferTarget, let place = place(of: transferTarget), peers[place].matchIndex == log.lastIndex
        else { return }
        reads.isLeaseForfeited = true
        send(.timeoutNow, to: transferTarget)
    }

    mutating func tickTransfer() {
        guard transferTarget != nil else { return }
        transferElapsed += 1
        if transferElapsed >= options.electionTicks { transferTarget = nil }
    }

    /// Another voter that lives and has the most of the log; nil when there is none.
    var heir: NodeID? {
        peers.filter { $0.id != id && configuration.voters.contains($0.id) && $0.isRecentlyActive }
            .max { ($0.matchIndex, $1.id) < ($1.matchIndex, $0.id) }?.id
    }

    /// This node can't lead on as it should; somebody else may.
    mutating func handOver() {
        guard role == .leader, transferTarget == nil, let heir else { return }
        // It is a voter and another: not refused.
        try? transferLeadership(to: heir)
    }
}
