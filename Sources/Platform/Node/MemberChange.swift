public import ApusRaft

/// One step of a change of members.
public enum MemberChange: Hashable, Sendable {
    /// Also promotes a learner.
    case addVoter(Member)
    /// Receives the log and counts for nothing; also demotes a voter.
    case addLearner(Member)
    case remove(NodeID)

    var step: ConfigurationChange.Step {
        switch self {
        case .addVoter(let member): .addVoter(member.id)
        case .addLearner(let member): .addLearner(member.id)
        case .remove(let id): .remove(id)
        }
    }

    var member: Member? {
        switch self {
        case .addVoter(let member), .addLearner(let member): member
        case .remove: nil
        }
    }
}
