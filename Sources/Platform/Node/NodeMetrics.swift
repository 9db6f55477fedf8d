import ApusRaft
import Metrics
import NIOCore

/// What a node counts, for swift-metrics. Every series is looked up once.
final class NodeMetrics {
    private let term: Gauge
    private let isLeader: Gauge
    private let commitIndex: Gauge
    private let appliedIndex: Gauge
    private let logBytes: Gauge
    private let applied: Counter
    private let leaderChanges: Counter
    private let snapshotsTaken: Counter
    private let snapshotsRestored: Counter
    private let latency: Timer
    private var shownCommit = LogIndex.zero
    private var shownApplied = LogIndex.zero
    private var shownLeader: NodeID?
    /// How often another member became the leader, or the first did.
    private(set) var leaderChangesSeen = 0

    init(_ id: NodeID) {
        let labels = [("node", "\(id)")]
        term = Gauge(label: "apus_raft_term", dimensions: labels)
        isLeader = Gauge(label: "apus_raft_is_leader", dimensions: labels)
        commitIndex = Gauge(label: "apus_raft_commit_index", dimensions: labels)
        appliedIndex = Gauge(label: "apus_raft_applied_index", dimensions: labels)
        logBytes = Gauge(label: "apus_raft_log_bytes", dimensions: labels)
        applied = Counter(label: "apus_raft_applied_entries_total", dimensions: labels)
        leaderChanges = Counter(label: "apus_raft_leader_changes_total", dimensions: labels)
        snapshotsTaken = Counter(label: "apus_raft_snapshots_taken_total", dimensions: labels)
        snapshotsRestored = Counter(label: "apus_raft_snapshots_restored_total", dimensions: labels)
        latency = Timer(label: "apus_raft_proposal_duration_seconds", dimensions: labels)
    }

    /// The numbers that changed since the last time.
    func show(_ driver: Driver) {
        let commit = driver.raft.commitIndex
        if commit != shownCommit {
            shownCommit = commit
            commitIndex.record(Double(commit.rawValue))
        }
        if driver.appliedIndex != shownApplied {
            applied.increment(by: Int64(max(0, driver.appliedIndex - shownApplied)))
            shownApplied = driver.appliedIndex
            appliedIndex.record(Double(driver.appliedIndex.rawValue))
        }
    }

    func standingChanged(_ standing: Standing) {
        term.record(Double(standing.term.rawValue))
        isLeader.record(standing.role == .leader ? 1 : 0)
        if let leader = standing.leader, leader != shownLeader {
            shownLeader = leader
            leaderChanges.increment()
            leaderChangesSeen += 1
        }
    }

    func ticked(_ driver: Driver) { logBytes.record(driver.raft.status.logBytes) }

    /// From the event loop's first sight of a proposal until it is applied.
    func applied(_ waiter: ProposalWaiter, at time: NIODeadline) {
        latency.recordNanoseconds(Int64(time.uptimeNanoseconds) - Int64(waiter.arrivedAt))
    }

    func snapshotTaken() { snapshotsTaken.increment() }

    func snapshotRestored() { snapshotsRestored.increment() }
}
