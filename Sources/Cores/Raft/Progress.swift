import DequeModule

/// What a leader knows of a member (Raft, figure 2, "volatile state on leaders"), and what it has under way to it.
struct Progress: Sendable {
    enum State: Sendable {
        /// One append at a time, until an answer says where the logs meet: then `replicate`, or `snapshot`.
        case probe
        /// Appends go out ahead of the answers. Left for `probe` when one is rejected or the connection is lost, and for
        /// `snapshot` when the log no longer has what is next.
        case replicate
        /// Left for `replicate` when the follower has the snapshot, and for `probe` when it is given up.
        indirect case snapshot(SnapshotTransfer)
    }

    let id: NodeID
    var isVoter = false
    var isOutgoingVoter = false

    var state = State.probe
    /// On the member's disk; never moves back.
    var matchIndex = LogIndex.zero
    var nextIndex: LogIndex
    /// The highest commit index that it was told.
    var sentCommit = LogIndex.zero
    /// The one append of `probe` is out.
    var isProbeSent = false
    /// The last entry that it carried.
    var probedIndex = LogIndex.zero
    /// It was heard of since the leader last counted.
    var isRecentlyActive = true
    /// The last heartbeat round that it answered.
    var answeredRound: UInt64 = 0
    /// `matchIndex` at the last heartbeat answer: when nothing moved since, something may be lost.
    var matchAtHeartbeat: LogIndex?

    private var inflight: Deque<(last: LogIndex, bytes: Int)> = []
    private(set) var inflightBytes = 0

    init(id: NodeID, nextIndex: LogIndex) {
        self.id = id
        self.nextIndex = nextIndex
    }

    var inflightMessages: Int { inflight.count }

    var isReplicating: Bool {
        if case .replicate = state { true } else { false }
    }

    var transfer: SnapshotTransfer? {
        if case .snapshot(let transfer) = state { transfer } else { nil }
    }

    func isWindowFull(_ options: RaftOptions) -> Bool {
        inflight.count >= options.maximumInflightMessages || inflightBytes >= options.maximumInflightBytes
    }

    mutating func sent(through last: LogIndex, bytes: Int) {
        nextIndex = last.next
        inflight.append((last, bytes))
        inflightBytes += bytes
    }

    /// The member has everything up to `index`. Answers may be reordered: an older one changes nothing.
    mutating func accepted(_ index: LogIndex) {
        matchIndex = max(matchIndex, index)
        nextIndex = max(nextIndex, matchIndex.next)
        while let first = inflight.first, first.last <= matchIndex {
            inflightBytes -= first.bytes
            inflight.removeFirst()
        }
    }

    mutating func probe(from next: LogIndex) {
        state = .probe
        nextIndex = max(next, matchIndex.next)
        isProbeSent = false
        probedIndex = .zero
        forgetInflight()
    }

    /// Goes on after what the probe carried: the follower may say first how much of it is on disk already.
    mutating func replicate() {
        state = .replicate
        nextIndex = max(matchIndex, probedIndex).next
        isProbeSent = false
        probedIndex = .zero
        forgetInflight()
    }

    mutating func send(_ transfer: SnapshotTransfer) {
        state = .snapshot(transfer)
        isProbeSent = false
        probedIndex = .zero
        forgetInflight()
    }

    private mutating func forgetInflight() {
        inflight.removeAll(keepingCapacity: true)
        inflightBytes = 0
    }
}
