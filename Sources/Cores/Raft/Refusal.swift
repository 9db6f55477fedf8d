/// Why the core did not take a proposal, a change of members, a read or a transfer. Nothing happened.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Nobody is known to lead. Try again after an election.
        public static let noLeader = Code(rawValue: "noLeader")
        /// Only the leader does this; `leader` says who that is.
        public static let notLeader = Code(rawValue: "notLeader")
        /// The leader hands over its leadership. Try again at the next one.
        public static let transferring = Code(rawValue: "transferring")
        /// A bound is reached: uncommitted bytes, log bytes or pending reads. Try again later.
        public static let busy = Code(rawValue: "busy")
        /// The disk has no room, or does not answer.
        public static let storage = Code(rawValue: "storage")
        /// Another change of members is under way. Try again when it is committed.
        public static let changeUnderWay = Code(rawValue: "changeUnderWay")
        /// The request can never be granted as it is.
        public static let invalid = Code(rawValue: "invalid")
    }

    public let code: Code
    public let message: String
    public let leader: NodeID?

    public init(_ code: Code, _ message: String, leader: NodeID? = nil) {
        self.code = code
        self.message = message
        self.leader = leader
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
