import ApusEtcdAPI
import ApusKV
import ApusNode
import ApusObservability
import ApusPrimitives
import ApusRaft
import NIOCore
import NIOHTTP1

extension HTTPFrontend {
    /// `/metrics`: what this process counts (`apus_…`, `grpc_server_…`, `process_…`), and the numbers of this member under
    /// etcd's names, so that dashboards and alerts made for etcd go on working.
    func metrics() async -> HTTPResponse {
        var text = MetricsText()
        if let status = try? await core.node.status { write(status, to: &text) }
        if let machine = try? await core.read(linearizable: false, { [core] in MachineNumbers($0, core) }) {
            machine.write(to: &text)
        }
        let body = text.text + (ApusObservability.current?.exposition() ?? "")
        return HTTPResponse(.ok, type: PrometheusRegistry.contentType, ByteBuffer(string: body))
    }

    private func write(_ status: NodeStatus, to text: inout MetricsText) {
        let standing = status.raft.standing
        text.gauge("etcd_server_has_leader", "Whether a leader exists.", standing.leader == nil ? 0 : 1)
        text.gauge("etcd_server_is_leader", "Whether this member is the leader.", standing.role == .leader ? 1 : 0)
        text.counter(
            "etcd_server_leader_changes_seen_total", "Leader changes that this member saw.",
            Int64(status.leaderChanges))
        text.counter(
            "etcd_server_proposals_committed_total", "Proposals that are committed.",
            Int64(clamping: status.raft.commitIndex.rawValue))
        text.counter(
            "etcd_server_proposals_applied_total", "Proposals that are applied.",
            Int64(clamping: status.appliedIndex.rawValue))
        text.gauge("etcd_server_proposals_pending", "Proposals and reads without an answer.", Int64(status.waiting))
        let counts = counts.withLock { $0 }
        text.counter("etcd_server_health_success", "Good answers of /health.", counts.healthy)
        text.counter("etcd_server_health_failures", "Bad answers of /health.", counts.unhealthy)
        text.gauge("etcd_server_id", "This member's ID.", 1, [("server_id", core.memberID.hex)])
        text.gauge("etcd_server_version", "Which API is spoken.", 1, [("server_version", EtcdVersion.server)])
        text.gauge(
            "etcd_cluster_version", "Which API the cluster speaks.", 1,
            [("cluster_version", String(EtcdVersion.cluster.dropLast(2)))])
        text.gauge(
            "etcd_server_quota_backend_bytes", "The quota of the data, in bytes; 0 for none.",
            core.settings.effectiveQuotaBytes ?? 0)
        let view = core.view
        text.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of the data, history included.", view.storedBytes)
        text.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "The same: nothing else is kept.", view.storedBytes)
    }
}

/// Numbers of the replicated state, and of those who watch it, read at one moment on the node's event loop.
private struct MachineNumbers: Sendable {
    let keys: Int
    let revision: Int64
    let compacted: Int64
    let leases: Int
    let watches: Int
    let watchStreams: Int
    let isLearner: Bool

    init(_ machine: ControlMachine, _ core: ControlCore) {
        keys = machine.store.count
        revision = machine.store.revision.rawValue
        compacted = machine.store.compactedRevision.rawValue
        leases = machine.store.leaseCount
        watches = core.watches.watchCount
        watchStreams = core.watches.streamCount
        isLearner = machine.cluster[core.memberID]?.isLearner == true
    }

    func write(to text: inout MetricsText) {
        text.gauge("etcd_server_is_learner", "Whether this member is a learner.", isLearner ? 1 : 0)
        text.gauge("etcd_debugging_mvcc_keys_total", "Keys.", Int64(keys))
        text.gauge("etcd_debugging_mvcc_current_revision", "The revision of the newest change.", revision)
        text.gauge("etcd_debugging_mvcc_compact_revision", "The revision of the last compaction.", compacted)
        text.gauge("etcd_debugging_mvcc_watcher_total", "Watches of this member.", Int64(watches))
        text.gauge("etcd_debugging_mvcc_watch_stream_total", "Streams that have watches.", Int64(watchStreams))
        text.gauge("apus_leases", "Leases that are held.", Int64(leases))
    }
}

/// Prometheus' text format, for numbers that are only known when asked for.
struct MetricsText {
    private(set) var text = ""

    mutating func gauge(_ name: String, _ help: String, _ value: Int64, _ labels: [(String, String)] = []) {
        add(name, "gauge", help, value, labels)
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int64) {
        add(name, "counter", help, value, [])
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ value: Int64, _ labels: [(String, String)]
    ) {
        let pairs = labels.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name)\(pairs.isEmpty ? "" : "{\(pairs)}") \(value)\n"
    }
}
