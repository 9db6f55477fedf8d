import ApusPrimitives
import ApusRaft

/// One machine: its disk, and while it is up the core, the state machine and what waits for them.
final class SimulatedNode {
    enum Work {
        case restore(SnapshotMetadata)
        case entry(Entry)
    }

    struct PendingRead {
        /// Nil for a probe, which wants no value.
        let client: Int?
        let sequence: UInt32
        let key: Int
        /// What was committed when the read was asked for.
        let floor: LogIndex
    }

    let index: Int
    let id: NodeID
    /// Nil while the node is down.
    var raft: Raft?
    /// Counts the lives, so that what was scheduled in one does not happen in the next.
    var life = 0
    var disk: SimulatedDisk
    var store: SimulatedStore
    /// All that the core asked to write: its log, whatever the disk has of it.
    var log: EntryLog
    /// The configurations in the log, and the one before it.
    var configurations: [(index: LogIndex, configuration: Configuration)] = []
    var tickTime = FaultPlan.tickTime
    var isBlocked = false
    var isRetired = false

    var work: [Work] = []
    var isApplying = false
    var hasDrainScheduled = false
    var snapshotUnderWay: Snapshot?
    /// Of each client, the command that it waits for here.
    var awaited: [UInt32?]
    var reads: [UInt64: PendingRead] = [:]
    var readsToServe: [(index: LogIndex, read: PendingRead)] = []

    // What the checks remember of it.
    /// When something was ready last; nil before that, and while the node is down.
    var standing: Standing?
    var seenTerm: Term = .zero
    var seenCommit: LogIndex = .zero
    var promisedTerm: Term = .zero
    /// What it said of each node's log in the term that it leads.
    var seenMatch = [LogIndex](repeating: .zero, count: FaultPlan.maximumNodes)
    /// The term that it leads, or led last in this life.
    var ledTerm: Term?

    init(index: Int, image: DiskImage, store: SimulatedStore, clients: Int) {
        self.index = index
        id = NodeID(UInt64(index + 1))
        disk = SimulatedDisk(image: image)
        self.store = store
        log = EntryLog()
        awaited = Array(repeating: nil, count: clients)
    }

    var isUp: Bool { raft != nil }
    var isLeader: Bool { standing?.role == .leader }
    var configuration: Configuration? { configurations.last?.configuration }

    /// What the memory of a process is: gone.
    func forget() {
        life += 1
        raft = nil
        work = []
        isApplying = false
        hasDrainScheduled = false
        snapshotUnderWay = nil
        awaited = awaited.map { _ in nil }
        reads = [:]
        readsToServe = []
        isBlocked = false
        ledTerm = nil
        standing = nil
    }
}
