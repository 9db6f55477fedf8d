public import ApusPrimitives
import DequeModule

/// One node of a Raft cluster, as a value: inputs in, a `Ready` out. No I/O, no clock, no randomness but what is passed in.
///
/// Ongaro and Ousterhout, "In search of an understandable consensus algorithm" (the paper, USENIX ATC 2014, extended
/// version), and Ongaro's dissertation (Stanford 2014); `docs/raft.md` says which function keeps which of their rules.
///
/// Whoever owns it calls `tick()` at a steady pace, `step(_:)` for each message, and after any input, when `hasReady`,
/// takes the `Ready` and does what it says. Inputs that come late, twice or never do no harm.
public struct Raft: Sendable {
    public let id: NodeID
    public let options: RaftOptions
    var random: SeededRandom

    // What must not be forgotten (figure 2), and whether the disk has it: Raft+Storage.
    var term: Term
    var votedFor: NodeID?
    var log: RaftLog
    var snapshot: SnapshotMetadata?
    var writes: WriteQueue
    var isVoteUnwritten = false
    var voteSequence: UInt64 = 0
    var writtenCommit: LogIndex
    var isCommitWriteDue = false
    var heldMessages: Deque<HeldMessage> = []
    var isWritable = true

    // Where this node stands: Raft+Election.
    var role = Standing.Role.follower
    var leader: NodeID?
    var ticks: UInt64 = 0
    var electionElapsed = 0
    var electionTimeout = 0
    /// Since a leader was heard of. Below `electionTicks` this node votes for nobody.
    var ticksSinceLeader: Int
    var votes: [(voter: NodeID, isGranted: Bool)] = []

    // What is known to be committed, and what the state machine was given: Raft+Ready.
    public internal(set) var commitIndex: LogIndex
    public internal(set) var appliedIndex: LogIndex
    var handedIndex: LogIndex
    var pendingRestore: SnapshotMetadata?

    // A follower: Raft+Following, Raft+Installing.
    /// The log agrees with that of the term's leader up to here.
    var matchedIndex = LogIndex.zero
    var acknowledgedIndex = LogIndex.zero
    var isAnswerOwed = false
    /// More is on disk than when the leader was told last.
    var hasPersisted = false
    var incoming: IncomingSnapshot?
    var unwrittenChunk: SnapshotChunk?

    // A leader: Raft+Replication, Raft+Transfer.
    /// All members in ascending order of id.
    var peers: [Progress] = []
    var firstIndexOfTerm = LogIndex.zero
    var heartbeatElapsed = 0
    var isReplicationDue = false
    var transferTarget: NodeID?
    var transferElapsed = 0

    // Linearizable reads: Raft+Reads.
    var reads: ReadQueue

    // What the next Ready says.
    var messages: [Message] = []
    var readyReads: [Ready.Read] = []
    var refusedReads: [ReadID] = []
    var chunkRequests: [Ready.ChunkRequest] = []
    var needsSnapshot = false
    var lastStanding: Standing

    /// - Parameters:
    ///   - state: what the disk has; nothing for a node that joins.
    ///   - applied: what the state machine has already, from its own snapshot: with less than `state.snapshot` the first
    ///     `Ready` asks to restore that.
    ///   - random: of another seed at every start, but in a simulation.
    public init(
        id: NodeID, state: PersistentState, applied: LogIndex, options: RaftOptions = RaftOptions(),
        random: SeededRandom
    ) {
        self.id = id
        self.options = options.sane
        self.random = random
        term = state.hardState.term
        votedFor = state.hardState.votedFor
        snapshot = state.snapshot
        log = RaftLog(after: state.snapshot)
        log.append(state.entries)
        writes = WriteQueue(durableIndex: log.lastIndex)
        // What was applied is committed, also when that was never written.
        let known = max(state.hardState.commitIndex, applied)
        commitIndex = max(log.compactedIndex, min(known, log.lastIndex))
        writtenCommit = state.hardState.commitIndex
        appliedIndex = min(applied, commitIndex)
        handedIndex = appliedIndex
        if applied < log.compactedIndex { pendingRestore = state.snapshot }
        incoming = state.partialSnapshot.map(IncomingSnapshot.init)
        // It may have promised a leader not to vote just before it went down; but there is none where it votes alone.
        let isAlone =
            log.configuration.voters == [id] && !log.configuration.isJoint && log.configurationIndex <= commitIndex
        ticksSinceLeader = term > .zero && !isAlone ? 0 : self.options.electionTicks
        reads = ReadQueue(firstTicket: self.random.next())
        lastStanding = Standing(role: .follower, term: term, leader: nil)
        drawElectionTimeout()
    }
}

// Looks.
extension Raft {
    public var standing: Standing { Standing(role: role, term: term, leader: leader) }
    public var lastIndex: LogIndex { log.lastIndex }
    /// The first entry that is in memory.
    public var firstIndex: LogIndex { log.firstIndex }
    /// Everything in the log up to here is on this node's disk.
    public var durableIndex: LogIndex { writes.durableIndex }
    /// The one in force: the last of the log, committed or not (dissertation, section 4.1).
    public var configuration: Configuration { log.configuration }
    public var hardState: HardState { HardState(term: term, votedFor: votedFor, commitIndex: commitIndex) }

    /// The term of the entry at `index`; nil for what the log no longer or not yet has.
    public func term(at index: LogIndex) -> Term? { log.term(at: index) }

    /// Entries from `first` on, at most `bytes` of them but at least one; none when `first` is not in the log.
    public func entries(from first: LogIndex, upTo bytes: Int = .max) -> [Entry] {
        guard first >= log.firstIndex, first <= log.lastIndex else { return [] }
        return log.copy(from: first, through: log.last(from: first, through: log.lastIndex, upTo: bytes))
    }

    public var status: Status {
        Status(
            id: id, standing: standing, commitIndex: commitIndex, appliedIndex: appliedIndex,
            firstIndex: firstIndex, lastIndex: lastIndex, durableIndex: durableIndex, configuration: configuration,
            configurationIndex: log.configurationIndex, snapshot: snapshot, logBytes: log.bytes,
            uncommittedBytes: uncommittedBytes, pendingReads: reads.count, transferTarget: transferTarget,
            isDiskStalled: isDiskStalled, peers: peers.map(\.status))
    }
}

extension Progress {
    fileprivate var status: Status.Peer {
        let shown: Status.Peer.State =
            switch state {
            case .probe: .probing
            case .replicate: .replicating
            case .snapshot(let transfer): .snapshot(index: transfer.snapshot.index, offset: transfer.offset)
            }
        return Status.Peer(
            id: id, state: shown, matchIndex: matchIndex, nextIndex: nextIndex, isRecentlyActive: isRecentlyActive,
            inflightMessages: inflightMessages, inflightBytes: inflightBytes)
    }
}
