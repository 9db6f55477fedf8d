import ApusPrimitives
public import ApusRaft

/// One step of a change of members.
public enum MemberChange: Hashable, Sendable {
    /// Also promotes a learner, whether it has caught up or not.
    case addVoter(Member)
    /// Receives the log and counts for nothing; also demotes a voter.
    case addLearner(Member)
    /// Makes a voter of a learner that has caught up.
    case promote(NodeID)
    /// A member is found at another address from now on.
    case update(Member)
    /// For good: the node ends with `.removed`, and its number can't be used again.
    case remove(NodeID)

    /// Of one of those.
    func isRemoval(of isConcerned: (NodeID) -> Bool) -> Bool {
        if case .remove(let id) = self { isConcerned(id) } else { false }
    }
}

/// What a change of members comes to at the leader.
struct ResolvedChange {
    let steps: [ConfigurationChange.Step]
    /// Those whose addresses are news.
    let members: [Member]

    /// A learner that has so much of the leader's log can vote without holding up commits for long (etcd's measure).
    private static let caughtUp = 0.9

    /// - Throws: `NodeError`: `.removed` for numbers that were used before, `.learnerBehind`, `.invalidRequest`.
    init(_ changes: [MemberChange], _ status: Status, removed: (NodeID) -> Bool) throws(NodeError) {
        var steps: [ConfigurationChange.Step] = []
        var members: [Member] = []
        for change in changes {
            switch change {
            case .addVoter(let member), .addLearner(let member):
                if removed(member.id) {
                    throw NodeError(.removed, "node \(member.id) was removed, and its number is not used again")
                }
                members.append(member)
                if case .addVoter = change {
                    steps.append(.addVoter(member.id))
                } else {
                    steps.append(.addLearner(member.id))
                }
            case .promote(let id):
                guard status.configuration.learners.contains(id) else {
                    throw NodeError(.invalidRequest, "node \(id) is no learner")
                }
                try Self.checkProgress(of: id, status)
                steps.append(.addVoter(id))
            case .update(let member):
                let isLearner = status.configuration.learners.contains(member.id)
                guard isLearner || status.configuration.voters.contains(member.id) else {
                    throw NodeError(.invalidRequest, "node \(member.id) is no member")
                }
                steps.append(isLearner ? .addLearner(member.id) : .addVoter(member.id))
                members.append(member)
            case .remove(let id): steps.append(.remove(id))
            }
        }
        (self.steps, self.members) = (steps, members)
    }

    private static func checkProgress(of id: NodeID, _ status: Status) throws(NodeError) {
        let has = status.peers.first { $0.id == id }?.matchIndex ?? .zero
        let whole = status.peers.first { $0.id == status.id }?.matchIndex ?? status.durableIndex
        guard Double(has.rawValue) >= Double(whole.rawValue) * caughtUp else {
            throw NodeError(
                .learnerBehind, "node \(id) has the log up to \(has), the leader up to \(whole)",
                retry: .after(.seconds(1)))
        }
    }
}
