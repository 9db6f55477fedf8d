import ApusPrimitives
import ApusRaft
import Logging
import NIOCore

/// Gives a Raft core its clock, its disk and its peers, on one event loop. Everything in it happens there, one after the
/// other; others reach it through the `Inbox`.
///
/// Each round takes all that waits (messages, acknowledgements of the disk, proposals, reads), hands it to the core, and does
/// what the core says once. The aspects: what is proposed (`+Proposals`), what is applied (`+Applying`), reads (`+Reads`),
/// snapshots (`+Snapshots`), members (`+Members`).
final class Driver {
    let id: NodeID
    let settings: NodeSettings
    let eventLoop: any EventLoop
    let inbox: Inbox
    let storage: any NodeStorage
    let transport: any NodeTransport
    let machine: any MachineHost
    let metrics: NodeMetrics
    let logger: Logger
    /// The node has ended by itself.
    let failed: @Sendable (NodeError) -> Void

    var raft: Raft
    var random: SeededRandom
    /// Ticks so far.
    var now: UInt64 = 0
    var isEnded = false
    /// Answers given since the inbox was told.
    var finished = 0
    var finishedBytes = 0

    // Proposals.
    enum Session: Equatable {
        case none
        case opening(UInt64, since: UInt64)
        case open(UInt64)
    }

    var session = Session.none
    /// Not proposed yet.
    var queue = WaiterQueue()
    /// Proposed and not applied: the first has the sequence `firstSequence`. Nil: answered.
    var outstanding = OutstandingProposals()
    /// Some of them the one that leads now was not sent yet.
    var isRepeatDue = false
    var changes: [ChangeWaiter] = []

    // What the leader is asked.
    var unsentAsks: [AskWaiter] = []
    /// Sent to one that did not lead; sent again at the next tick.
    var refusedAsks: [AskWaiter] = []
    /// By number.
    var sentAsks: [UInt64: AskWaiter] = [:]
    /// Begins anywhere, so that answers to an earlier run of this node are nobody's.
    var nextAskNumber: UInt64
    /// Requests of others, and of this node's own, that the application works on.
    var servedCalls = 0

    // What is applied.
    var sessions = Sessions()
    var book: MemberBook
    /// Of the configuration that is applied.
    var appliedMembers: [NodeID]
    /// Since when it is known that this node is no member any more.
    var removal: (since: UInt64, reason: String)?
    var committed = CommittedEntries()
    var appliedIndex: LogIndex
    var isApplying = false
    /// When the entries that are being applied began to be.
    var applyingAt = NIODeadline.now()

    // Reads.
    /// Those that are served at once; empty between rounds.
    var localReads: [ReadWaiter] = []
    var freshReads: [ReadWaiter] = []
    var refusedReads: [ReadWaiter] = []
    var askedReads: [ReadGroup] = []
    var confirmedReads: [(index: LogIndex, waiters: [ReadWaiter])] = []
    var nextReadID: UInt64

    // Snapshots.
    var bytesSinceSnapshot = 0
    /// The size of the last one that was taken here; 0 for none.
    var snapshotBytes = 0
    var isTakingSnapshot = false
    /// The tick from which on one is taken for a follower.
    var nextNeededSnapshot: UInt64 = 0
    var restoring: SnapshotMetadata?

    // Members.
    var known: MemberBook
    /// Who introduced itself, in the order of the last time.
    var callers: [NodeID] = []
    var peers: [Member] = []
    /// What the transport was told of them.
    var removedPeers: [NodeID] = []
    var standingChanged: @Sendable (Standing) -> Void

    init(_ parts: Parts, raft: Raft, random: SeededRandom, onStanding: @escaping @Sendable (Standing) -> Void) {
        id = parts.id
        settings = parts.settings
        eventLoop = parts.eventLoop
        inbox = parts.inbox
        storage = parts.storage
        transport = parts.transport
        machine = parts.machine
        metrics = parts.metrics
        logger = parts.logger
        failed = parts.failed
        self.raft = raft
        self.random = random
        book = parts.book
        known = parts.known
        sessions = parts.sessions
        appliedIndex = raft.appliedIndex
        nextReadID = self.random.next()
        nextAskNumber = self.random.next()
        appliedMembers = parts.appliedMembers
        standingChanged = onStanding
    }

    /// What a driver is made of.
    struct Parts {
        let id: NodeID
        let settings: NodeSettings
        let eventLoop: any EventLoop
        let inbox: Inbox
        let storage: any NodeStorage
        let transport: any NodeTransport
        let machine: any MachineHost
        let metrics: NodeMetrics
        let logger: Logger
        let failed: @Sendable (NodeError) -> Void
        let book: MemberBook
        let known: MemberBook
        let appliedMembers: [NodeID]
        let sessions: Sessions
    }

    /// Rounds before others on the event loop have their turn.
    private static let roundsPerTurn = 16

    /// Does all that waits, or as much of it as may be done at once.
    func drain() {
        for _ in 0..<Self.roundsPerTurn {
            if isEnded { return }
            let batch = inbox.take(finished: finished, finishedBytes: finishedBytes)
            finished = 0
            finishedBytes = 0
            guard let batch else { return }
            take(batch)
            settle()
        }
        later { $0.drain() }
    }

    private func take(_ batch: Inbox.Batch) {
        for message in batch.messages { raft.step(message) }
        if batch.persisted > 0 { raft.persisted(through: batch.persisted) }
        if !batch.proposals.isEmpty { arrived(batch.proposals) }
        if !batch.reads.isEmpty { arrived(batch.reads) }
        if !batch.asks.isEmpty { arrived(batch.asks) }
        if !batch.calls.isEmpty { received(batch.calls) }
        for task in batch.tasks { task.run(self) }
    }

    /// Does what the core says until it has nothing more to say.
    func settle() {
        while !isEnded {
            sendProposals()
            sendReads()
            guard raft.hasReady else { break }
            perform(raft.takeReady())
        }
        metrics.show(self)
    }

    private func perform(_ ready: Ready) {
        if let write = ready.write {
            learn(from: write.entries)
            storage.append(write)
        }
        if !ready.messages.isEmpty { transport.send(ready.messages) }
        if let standing = ready.standing { stands(standing) }
        if let snapshot = ready.restore { restore(snapshot) }
        if !ready.reads.isEmpty { confirmed(ready.reads) }
        for id in ready.refusedReads { refused(id) }
        for request in ready.chunkRequests { readChunk(request) }
        if ready.needsSnapshot { takeNeededSnapshot() }
        if !ready.committed.isEmpty { committed.append(ready.committed) }
        apply()
    }

    func tick() {
        now += 1
        raft.tick()
        expireProposals()
        expireReads()
        expireChanges()
        expireAsks()
        repeatProposals()
        endIfRemoved()
        metrics.ticked(self)
    }

    private func stands(_ standing: Standing) {
        metrics.standingChanged(standing)
        standingChanged(standing)
        machine.standingChanged(standing)
        if standing.leader != nil { leaderChanged() }
    }

    /// Something that must not be done within what is going on now.
    func later(_ body: @escaping (Driver) -> Void) {
        let driver = NIOLoopBound((self, body), eventLoop: eventLoop)
        eventLoop.execute { driver.value.1(driver.value.0) }
    }

    /// Work that may wait for a disk; `then` follows on the event loop.
    func elsewhere<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result,
        then: @escaping @Sendable (Driver, Swift.Result<Result, any Error>) -> Void
    ) {
        let inbox = inbox
        BackgroundWork.run {
            let result = Swift.Result { try work() }
            inbox.add { then($0, result) }
        }
    }

    /// The node can't go on.
    func fail(_ error: NodeError) {
        if isEnded { return }
        logger.critical("the node ends", metadata: ["node": "\(id)", "error": "\(error)"])
        end(error)
        failed(error)
    }

    /// Refuses all that waits.
    func end(_ error: NodeError) {
        if isEnded { return }
        isEnded = true
        inbox.close(error).fail(error)
        endReads(error)
        endAsks(error)
        endProposals(error)
    }

    var leader: Member? {
        raft.standing.leader.map { known[$0] ?? Member($0) }
    }
}
