public import ApusPrimitives

/// A change of the members, of one or of several at once. More than one voter, or one that is asked to be joint, goes through
/// a joint configuration (Raft, section 6).
public struct ConfigurationChange: Hashable, Sendable {
    public enum Step: Hashable, Sendable {
        /// Also promotes a learner.
        case addVoter(NodeID)
        /// Also demotes a voter.
        case addLearner(NodeID)
        case remove(NodeID)
    }

    public enum Leaving: Hashable, Sendable {
        /// The leader leaves the joint configuration as soon as it is committed.
        case automatic
        /// The joint configuration stays until somebody proposes to leave it.
        case explicit
    }

    /// Done in order, at once. Empty: leave the joint configuration.
    public var steps: [Step]
    public var leaving: Leaving
    /// Travels with the entry; the application's own.
    public var context: Bytes

    public init(_ steps: [Step], leaving: Leaving = .automatic, context: Bytes = .empty) {
        self.steps = steps
        self.leaving = leaving
        self.context = context
    }

    public static let leaveJoint = ConfigurationChange([])
}
