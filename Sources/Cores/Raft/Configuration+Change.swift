// Changes of the members (Raft, section 6; dissertation, sections 4.1 to 4.3).
extension Configuration {
    /// What `change` makes of this configuration, which is not joint: the next one, or the joint one on the way to it.
    ///
    /// One voter more or less needs no joint configuration: every majority before shares a voter with every one after.
    func applying(_ change: ConfigurationChange) throws(Refusal) -> Configuration {
        var voters = Set(self.voters)
        var learners = Set(self.learners)
        for step in change.steps {
            switch step {
            case .addVoter(let id):
                learners.remove(id)
                voters.insert(id)
            case .addLearner(let id):
                voters.remove(id)
                learners.insert(id)
            case .remove(let id):
                voters.remove(id)
                learners.remove(id)
            }
        }
        guard !voters.isEmpty else { throw Refusal(.invalid, "a cluster without voters decides nothing") }
        guard !voters.union(learners).contains(NodeID(0)) else { throw Refusal(.invalid, "0 names no node") }
        let isJoint = change.leaving == .explicit || voters.symmetricDifference(self.voters).count > 1
        guard isJoint else { return Configuration(voters: voters, learners: learners) }
        // Who still votes in the old configuration becomes a learner when that is left.
        let demoted = learners.intersection(self.voters)
        return Configuration(
            voters: voters, outgoingVoters: self.voters, learners: learners.subtracting(demoted),
            nextLearners: demoted, leaving: change.leaving)
    }

    /// The new configuration alone.
    var leavingJoint: Configuration { Configuration(voters: voters, learners: learners + nextLearners) }
}
