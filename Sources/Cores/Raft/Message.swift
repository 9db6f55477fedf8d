public import ApusPrimitives

/// What one node says to another. Messages may be lost, doubled, delayed and reordered, but not altered.
public struct Message: Hashable, Sendable {
    public let from: NodeID
    public let to: NodeID
    /// The term of the sender; in a pre-vote the term that it would campaign in.
    public let term: Term
    public let body: Body

    public init(from: NodeID, to: NodeID, term: Term, body: Body) {
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    public enum Body: Hashable, Sendable {
        /// RequestVote (Raft, section 5.2). `isTransfer` makes receivers vote though they hear from a leader.
        case voteRequest(lastIndex: LogIndex, lastTerm: Term, isTransfer: Bool)
        case vote(granted: Bool)
        /// Would you vote for me in `term`? Nobody's term changes by asking (dissertation, section 9.6).
        case preVoteRequest(lastIndex: LogIndex, lastTerm: Term)
        case preVote(granted: Bool)
        /// AppendEntries (Raft, section 5.3).
        case append(previousIndex: LogIndex, previousTerm: Term, entries: [Entry], commitIndex: LogIndex)
        /// Everything up to `lastIndex` is in the sender's log, on disk, as the leader sent it.
        case appendAccepted(lastIndex: LogIndex)
        /// The entry before `rejectedIndex` did not match. The sender's log can match no later than at `hintIndex`, where
        /// it has `hintTerm` (fast back-up, Raft, end of section 5.3).
        case appendRejected(rejectedIndex: LogIndex, hintIndex: LogIndex, hintTerm: Term)
        /// Commit up to `commitIndex`, which the receiver is known to have. `round` numbers the leader's heartbeats, so
        /// that an answer confirms the leadership as of that round (read index).
        case heartbeat(commitIndex: LogIndex, round: UInt64)
        case heartbeatAnswer(round: UInt64)
        /// Boxed: every message would be as large as it.
        indirect case snapshot(SnapshotChunk)
        /// The sender has the first `nextOffset` bytes of the snapshot of `index` on disk; go on from there.
        case snapshotProgress(index: LogIndex, nextOffset: UInt64)
        /// Campaign at once (dissertation, section 3.10).
        case timeoutNow
        /// Proposals of a follower's clients, for the leader.
        case proposal([Bytes])
        /// A follower asks for a read index; `id` is the follower's own.
        case readRequest(id: ReadID)
        /// A read with this id may be served by whoever applied `index`; nil: this leader can't say.
        case readAnswer(id: ReadID, index: LogIndex?)
    }
}
