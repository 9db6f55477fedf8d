public import ApusPrimitives
import ApusRaft

/// Why a node did not do what it was asked for, and what the caller may do about it.
public struct NodeError: Error, Sendable {
    /// What went wrong, for a program. Open: storages and transports may have codes of their own.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Nobody leads the cluster now; a majority may be down.
        public static let noLeader = Code(rawValue: "no leader")
        /// Only the leader does this; `leader` is who that is.
        public static let notLeader = Code(rawValue: "not leader")
        /// No answer within the time that the settings allow.
        public static let timeout = Code(rawValue: "timeout")
        /// More is waiting than the node accepts.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The request is over a limit or contradicts itself.
        public static let invalidRequest = Code(rawValue: "invalid request")
        /// Another change of members, or a transfer of leadership, is under way.
        public static let changeUnderWay = Code(rawValue: "change under way")
        /// The command took effect, but its answer is not known here: the node got its effect in a snapshot.
        public static let answerLost = Code(rawValue: "answer lost")
        /// The disk has no room; reads go on.
        public static let noSpace = Code(rawValue: "no space")
        /// The disk failed: the node has stopped.
        public static let failed = Code(rawValue: "failed")
        /// What was stored is not what was written.
        public static let corrupt = Code(rawValue: "corrupt")
        /// The peer at an address is not who it should be, or refused this node.
        public static let wrongPeer = Code(rawValue: "wrong peer")
        /// This node, or the one that a request names, was removed from its cluster: its number is not used again.
        public static let removed = Code(rawValue: "removed")
        /// A learner has to catch up before it can vote.
        public static let learnerBehind = Code(rawValue: "learner behind")
        /// The node is stopping or has stopped.
        public static let stopped = Code(rawValue: "stopped")
        /// The caller's task was cancelled. It never gets this, but a `CancellationError`.
        static let cancelled = Code(rawValue: "cancelled")
    }

    public var code: Code
    /// For a person.
    public var message: String
    public var retry: RetryAdvice
    /// The request was a write whose outcome is not known: it happened, did not, or still happens. Look before you ask
    /// again, or make asking twice harmless.
    public var mayHaveHappened: Bool
    /// Who leads, when that is known and matters.
    public var leader: Member?
    public var cause: (any Error)?

    public init(
        _ code: Code, _ message: String, retry: RetryAdvice = .never, mayHaveHappened: Bool = false,
        leader: Member? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.retry = retry
        self.mayHaveHappened = mayHaveHappened
        self.leader = leader
        self.cause = cause
    }
}

extension NodeError: CustomStringConvertible {
    public var description: String {
        let reason = cause.map { " (\($0))" } ?? ""
        return "\(code.rawValue): \(message)\(reason)"
    }
}

extension NodeError {
    static var cancelled: NodeError { NodeError(.cancelled, "the caller's task was cancelled") }

    /// What an `async` caller gets.
    var thrown: any Error { code == .cancelled ? CancellationError() : self }

    /// What the core refused, for whoever asked the node.
    init(_ refusal: Refusal, leader: Member?) {
        let soon = RetryAdvice.after(.milliseconds(100))
        switch refusal.code {
        case .noLeader: self.init(.noLeader, refusal.message, retry: soon)
        case .notLeader: self.init(.notLeader, refusal.message, retry: soon, leader: leader)
        case .transferring, .changeUnderWay: self.init(.changeUnderWay, refusal.message, retry: soon, leader: leader)
        case .busy: self.init(.overloaded, refusal.message, retry: soon)
        case .storage: self.init(.noSpace, refusal.message, retry: .after(.seconds(1)))
        default: self.init(.invalidRequest, refusal.message)
        }
    }
}
