/// A promise of Raft that a node broke.
public struct Broken: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Rule: String, CaseIterable, Sendable {
        case oneLeader, oneVote, termsGrow, logMatching, leaderCompleteness, commitStays, commitQuorum,
            currentTermCommits
        case electionQuorum, stateMachines, members, promises, reads, linearizable, liveness, disk, snapshots
    }

    public let rule: Rule
    public let message: String

    public init(_ rule: Rule, _ message: String) {
        self.rule = rule
        self.message = message
    }

    public var description: String { "\(rule.rawValue): \(message)" }
}
