import ApusPrimitives

// Membership (Raft, section 6; dissertation, chapter 4).
extension Raft {
    /// Proposes a change of the members, in force as soon as it is in the log; done when its entry is applied, or, when it
    /// goes through a joint configuration and leaves that by itself, with the configuration entry after it.
    ///
    /// - Throws: `notLeader`; `transferring`; `storage`; `busy`; `changeUnderWay`; `invalid` when nobody would be left to
    ///   vote, or there is no joint configuration to leave.
    public mutating func propose(_ change: ConfigurationChange) throws(Refusal) -> (term: Term, index: LogIndex) {
        guard role == .leader else {
            throw Refusal(.notLeader, "only the leader changes the members", leader: leader)
        }
        try checkRoom(for: change.context.count)
        let isLeave = change.steps.isEmpty
        // One at a time (section 6), and none before this term has committed: the change that a predecessor began may still
        // win, and its majorities need not meet this one's (Ongaro's correction of 2015 to dissertation, section 4.1).
        guard hasCommittedInTerm, log.configurationIndex <= commitIndex, isLeave || !configuration.isJoint else {
            throw Refusal(.changeUnderWay, "the change at \(log.configurationIndex) is not finished", leader: id)
        }
        guard !isLeave || configuration.isJoint else {
            throw Refusal(.invalid, "the configuration is not joint", leader: id)
        }
        let next = isLeave ? configuration.leavingJoint : try configuration.applying(change)
        appendConfiguration(.configuration(next, context: change.context))
        return (term, log.lastIndex)
    }

    private mutating func appendConfiguration(_ payload: Entry.Payload) {
        appendAsLeader([payload])
        rebuildPeers()
    }

    /// The configuration in force is another: who is new is probed, who went is forgotten.
    mutating func rebuildPeers() {
        let configuration = configuration
        peers = configuration.members.map { member in
            var peer =
                place(of: member).map { peers[$0] } ?? Progress(id: member, nextIndex: log.lastIndex.next)
            peer.isVoter = configuration.voters.contains(member)
            peer.isOutgoingVoter = configuration.outgoingVoters.contains(member)
            return peer
        }
        if let target = transferTarget, !configuration.voters.contains(target) { transferTarget = nil }
        isReplicationDue = true
        ownEntriesPersisted()
        // With fewer voters less may be enough.
        advanceCommit()
        roundsAnswered()
    }

    /// What follows once a configuration is committed.
    mutating func configurationMayBeCommitted() {
        guard hasCommittedInTerm, log.configurationIndex <= commitIndex else { return }
        if configuration.isJoint {
            if configuration.leaving == .automatic, isWritable {
                appendConfiguration(.configuration(configuration.leavingJoint, context: .empty))
            }
        } else if !configuration.voters.contains(id) {
            leaveLeadership()
        }
    }

    /// "The leader steps down once it has committed the C-new log entry" that it is not part of (Raft, section 6): not
    /// before it told the others, and with one of them to go on.
    private mutating func leaveLeadership() {
        isReplicationDue = true
        for place in peers.indices { peers[place].isProbeSent = false }
        replicate()
        if let heir { send(.timeoutNow, to: heir) }
        becomeFollower(in: term, leader: nil)
    }
}
