import ApusPrimitives
import ApusRaft
import Testing

/// One node that is told anything at any time, true or not: it never crashes, and never goes back on its word.
@Suite struct RandomInputTests {
    @Test(arguments: 0..<40 as Range<UInt64>) func anyInputAtAnyTimeKeepsTheLocalRules(seed: UInt64) {
        var run = RandomRun(seed: seed)
        for step in 0..<1_000 {
            run.step()
            if let broken = run.broken {
                Issue.record("seed \(seed), step \(step): \(broken)")
                return
            }
        }
    }
}

/// A node with a disk that writes when it likes, and what was seen of it.
private struct RandomRun {
    var random: SeededRandom
    var samples: CodingSamples
    var raft: Raft
    var pending: [Write] = []
    var disk = HardState()
    var votes: [Term: NodeID] = [:]
    var lastSequence: UInt64 = 0
    var handed = LogIndex.zero
    var broken: String?

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        samples = CodingSamples(seed: seed)
        var options = RaftOptions()
        options.preVote = Bool.random(using: &random)
        options.checkQuorum = Bool.random(using: &random)
        options.trailingEntries = 4
        options.maximumMessageBytes = 300
        options.maximumInflightMessages = 3
        options.maximumUncommittedBytes = 2_000
        options.maximumUnappliedBytes = 500
        options.maximumPendingReads = 8
        let voters = (1...UInt64.random(in: 1...3, using: &random)).map { NodeID($0) }
        raft = Raft(
            id: NodeID(1), state: .bootstrap(Configuration(voters: voters)), applied: .zero, options: options,
            random: random.split())
    }

    private mutating func some(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// A number near those that mean something.
    private mutating func index() -> LogIndex {
        if some(0...19) == 0 { return LogIndex(random.next() >> UInt64(some(0...63))) }
        let anchors = [raft.commitIndex, raft.lastIndex, raft.firstIndex, raft.appliedIndex, .zero]
        let near = anchors.randomElement(using: &random)!.rawValue
        return LogIndex(max(2, near) - 2 + UInt64(some(0...4)))
    }

    private mutating func term() -> Term {
        if some(0...29) == 0 { return Term(raft.standing.term.rawValue &+ UInt64(some(0...50))) }
        let near = raft.standing.term.rawValue + UInt64(some(0...4) / 3)
        return Term(some(0...9) == 0 ? near / 2 : near)
    }

    private mutating func node() -> NodeID { NodeID(UInt64(some(0...4))) }

    mutating func step() {
        let before = (raft.standing, raft.commitIndex, raft.appliedIndex, raft.durableIndex)
        input()
        if raft.hasReady, some(0...2) > 0 { take() }
        if raft.standing.term < before.0.term { broken = "the term went back" }
        if raft.commitIndex < before.1 { broken = "the commit index went back" }
        if raft.appliedIndex < before.2 { broken = "the applied index went back" }
        if raft.commitIndex > raft.lastIndex { broken = "committed what is not there" }
        if raft.firstIndex > raft.lastIndex.next { broken = "the log begins after its end" }
        if raft.standing.role == .leader, raft.standing.term == before.0.term, before.0.role == .follower {
            broken = "a leader without a term of its own"
        }
        checkVote()
        _ = raft.status
    }

    private mutating func checkVote() {
        guard let vote = raft.hardState.votedFor else { return }
        let term = raft.standing.term
        if let known = votes[term], known != vote { broken = "two votes in term \(term)" }
        votes[term] = vote
    }

    private mutating func input() {
        switch some(0...29) {
        case 0...1: raft.tick()
        case 2: raft.campaign()
        case 3: raft.persisted(through: some(0...1) == 0 ? 0 : lastSequence + 1 + UInt64(some(0...9)))
        case 4: _ = try? raft.propose((0..<some(0...3)).map { _ in samples.bytes() })
        case 5: _ = try? raft.propose(change())
        case 6: try? raft.read(ReadID(UInt64(some(0...9))), mode: some(0...1) == 0 ? .lease : .quorum)
        case 7: try? raft.transferLeadership(to: node())
        case 8: raft.applied(through: index())
        case 9: raft.storageBecame(writable: some(0...3) > 0)
        case 10: raft.peerUnreachable(node())
        case 11: snapshot()
        case 12: chunk()
        case 13: persistSome()
        default: raft.step(message())
        }
    }

    private mutating func change() -> ConfigurationChange {
        let steps = (0..<some(0...3)).map { _ -> ConfigurationChange.Step in
            switch some(0...2) {
            case 0: .addVoter(node())
            case 1: .addLearner(node())
            default: .remove(node())
            }
        }
        return ConfigurationChange(steps, leaving: some(0...1) == 0 ? .automatic : .explicit)
    }

    private mutating func snapshot() {
        let index = index()
        let configuration = raft.snapshotMetadata(at: index)?.configuration ?? samples.configuration()
        raft.snapshotTaken(
            SnapshotMetadata(index: index, term: raft.term(at: index) ?? term(), configuration: configuration))
        _ = raft.snapshotsInUse
    }

    private mutating func chunk() {
        let metadata = raft.snapshotsInUse.first ?? samples.snapshot()
        let request = Ready.ChunkRequest(
            to: node(), snapshot: metadata, offset: UInt64(some(0...2)), maximumBytes: some(0...9))
        if some(0...3) == 0 {
            raft.chunkUnavailable(request)
        } else {
            raft.chunkRead(request, bytes: samples.bytes(), isLast: some(0...1) == 0)
        }
    }

    private mutating func message() -> Message {
        let body: Message.Body
        switch some(0...15) {
        case 0, 1, 2:
            let previous = index()
            var last = min(raft.standing.term, raft.term(at: previous) ?? term())
            let previousTerm = last
            let first = previous.rawValue < 1 << 60 ? previous : .zero
            let entries = (0..<some(0...4)).map { place in
                if some(0...3) == 0 { last = max(last, term()) }
                let entry = samples.entry(at: first + place + 1)
                return Entry(term: last, index: entry.index, payload: entry.payload)
            }
            body = .append(previousIndex: first, previousTerm: previousTerm, entries: entries, commitIndex: index())
        case 3: body = .appendAccepted(lastIndex: index())
        case 4: body = .appendRejected(rejectedIndex: index(), hintIndex: index(), hintTerm: term())
        case 5: body = .heartbeat(commitIndex: index(), round: UInt64(some(0...9)))
        case 6: body = .heartbeatAnswer(round: UInt64(some(0...9)))
        case 7: body = .vote(granted: some(0...3) > 0)
        case 8: body = .preVote(granted: some(0...3) > 0)
        case 9: body = .voteRequest(lastIndex: index(), lastTerm: term(), isTransfer: some(0...1) == 0)
        case 10:
            body = .snapshot(
                SnapshotChunk(
                    snapshot: SnapshotMetadata(index: index(), term: term(), configuration: samples.configuration()),
                    source: node(), offset: UInt64(some(0...1)) * 20, bytes: samples.bytes(), isLast: some(0...2) == 0))
        case 11: body = .snapshotProgress(index: index(), nextOffset: UInt64(some(0...50)))
        case 12: body = .timeoutNow
        default: body = samples.body()
        }
        return Message(from: node(), to: some(0...19) == 0 ? node() : NodeID(1), term: term(), body: body)
    }

    // MARK: What it says

    private mutating func take() {
        let ready = raft.takeReady()
        if let write = ready.write {
            if write.sequence != lastSequence + 1 { broken = "writes are not numbered in order" }
            lastSequence = write.sequence
            pending.append(write)
            check(write)
        }
        if let restore = ready.restore { handed = max(handed, restore.index) }
        for entry in ready.committed {
            if entry.index != handed.next { broken = "applies \(entry.index) after \(handed)" }
            if entry.index > raft.commitIndex { broken = "applies what is not committed" }
            handed = entry.index
        }
        for message in ready.messages { check(message) }
    }

    private mutating func check(_ write: Write) {
        for (entry, next) in zip(write.entries, write.entries.dropFirst()) where next.index != entry.index.next {
            broken = "writes entries that do not follow each other"
        }
        if write.chunk?.isLast == true, !write.entries.isEmpty { broken = "entries beside the end of a snapshot" }
        if write.hardState == nil, write.entries.isEmpty, write.chunk == nil { broken = "writes nothing" }
    }

    /// Nothing is promised that the disk does not have.
    private mutating func check(_ message: Message) {
        switch message.body {
        case .preVoteRequest, .preVote: break
        case .vote(granted: true):
            if disk.term != message.term || disk.votedFor != message.to { broken = "a vote that is not on disk" }
        case .appendAccepted(let index):
            if message.term == raft.standing.term, index > raft.durableIndex { broken = "acknowledges too early" }
        default: if disk.term < message.term { broken = "speaks in a term that is not on disk" }
        }
        if message.to == raft.id { broken = "talks to itself" }
    }

    private mutating func persistSome() {
        guard !pending.isEmpty else { return }
        let count = some(1...pending.count)
        let last = pending[count - 1].sequence
        forget(through: last)
        raft.persisted(through: last)
    }

    private mutating func forget(through sequence: UInt64) {
        while let first = pending.first, first.sequence <= sequence {
            if let hardState = first.hardState {
                if hardState.term < disk.term { broken = "writes an earlier term" }
                if hardState.commitIndex < disk.commitIndex { broken = "writes an earlier commit index" }
                disk = hardState
            }
            pending.removeFirst()
        }
    }
}
