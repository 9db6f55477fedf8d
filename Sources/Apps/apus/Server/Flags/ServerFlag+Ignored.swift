extension ServerFlag {
    private static let noBolt = "there is no bbolt file here"
    private static let noV2 = "there is no v2 API here"
    private static let always = "always so here"

    private static func ignored(
        _ name: String, _ kind: Kind, _ standard: String, _ why: String, aliases: [String] = []
    ) -> ServerFlag {
        ServerFlag(
            name: name, kind: kind, standard: standard, section: .ignored, help: why, effect: .none(why),
            aliases: aliases)
    }

    private static let count = Kind.number(Int64.min...Int64.max, unit: "")

    static let ignored: [ServerFlag] = [
        ignored("initial-election-tick-advance", .truth, "true", "elections need no fast-forward here"),
        ignored("max-snapshots", count, "5", "a node keeps the snapshot it needs"),
        ignored("max-wals", count, "5", "a node keeps the log it needs"),
        ignored("backend-bbolt-freelist-type", .text, "map", noBolt),
        ignored("backend-batch-interval", .text, "", noBolt),
        ignored("backend-batch-limit", count, "0", noBolt),
        ignored("pre-vote", .truth, "true", always),
        ignored("socket-reuse-port", .truth, "false", "one process listens on a port"),
        ignored("socket-reuse-address", .truth, "false", always),
        ignored("enable-grpc-gateway", .truth, "true", always),
        ignored("enable-pprof", .truth, "false", "profiles are taken from outside, with perf"),
        ignored("enable-v2", .truth, "false", noV2),
        ignored("v2-deprecation", .text, "not-yet", noV2),
        ignored("experimental-enable-v2v3", .text, "", noV2),
        ignored("proxy", .choice(["off", "readonly", "on"]), "off", noV2),
        ignored("proxy-failure-wait", count, "5000", noV2),
        ignored("proxy-refresh-interval", count, "30000", noV2),
        ignored("proxy-dial-timeout", count, "1000", noV2),
        ignored("proxy-write-timeout", count, "5000", noV2),
        ignored("proxy-read-timeout", count, "0", noV2),
        ignored("discovery-fallback", .text, "proxy", noV2),
        ignored("discovery-proxy", .text, "", noV2),
        ignored("discovery-srv-name", .text, "", "there is no discovery here"),
        ignored("enable-log-rotation", .truth, "false", "rotate a log file from outside, with copytruncate"),
        ignored("log-rotation-config-json", .text, "", "rotate a log file from outside, with copytruncate"),
        ignored("log-format", .choice(["json", "console"]), "json", "lines are JSON"),
        ignored("unsafe-no-fsync", .truth, "false", "what is acknowledged is on disk"),
        ignored("experimental-enable-lease-checkpoint", .truth, "false", "a new leader extends leases"),
        ignored("experimental-enable-lease-checkpoint-persist", .truth, "false", "a new leader extends leases"),
        ignored(
            "experimental-compaction-batch-limit", count, "1000", "compaction works in the background in small steps",
            aliases: ["compaction-batch-limit"]),
        ignored(
            "experimental-compaction-sleep-interval", .duration, "10ms",
            "compaction works in the background in small steps", aliases: ["compaction-sleep-interval"]),
        ignored("experimental-txn-mode-write-with-shared-buffer", .truth, "true", noBolt),
        ignored(
            "experimental-bootstrap-defrag-threshold-megabytes", count, "0", "nothing needs defragmentation here",
            aliases: ["bootstrap-defrag-threshold-megabytes"]),
        ignored("experimental-stop-grpc-service-on-defrag", .truth, "false", "nothing needs defragmentation here"),
        ignored(
            "experimental-warning-apply-duration", .duration, "100ms", "durations are in the metrics",
            aliases: ["warning-apply-duration"]),
        ignored(
            "experimental-warning-unary-request-duration", .duration, "300ms", "durations are in the metrics",
            aliases: ["warning-unary-request-duration"]),
        ignored(
            "experimental-enable-distributed-tracing", .truth, "false", "traces are passed on, not exported",
            aliases: ["enable-distributed-tracing"]),
        ignored(
            "experimental-distributed-tracing-address", .text, "localhost:4317", "traces are passed on, not exported",
            aliases: ["distributed-tracing-address"]),
        ignored(
            "experimental-distributed-tracing-service-name", .text, "etcd", "traces are passed on, not exported",
            aliases: ["distributed-tracing-service-name"]),
        ignored(
            "experimental-distributed-tracing-instance-id", .text, "", "traces are passed on, not exported",
            aliases: ["distributed-tracing-instance-id"]),
        ignored(
            "experimental-distributed-tracing-sampling-rate", count, "0", "traces are passed on, not exported",
            aliases: ["distributed-tracing-sampling-rate"]),
        ignored(
            "experimental-peer-skip-client-san-verification", .truth, "false",
            "names in nodes' client certificates are not compared with addresses",
            aliases: ["peer-skip-client-san-verification"]),
        ignored("experimental-memory-mlock", .truth, "false", noBolt, aliases: ["memory-mlock"]),
        ignored(
            "experimental-downgrade-check-time", .duration, "5s", "there is one version of the cluster",
            aliases: ["downgrade-check-time"]),
        ignored("experimental-wait-cluster-ready-timeout", .duration, "5s", "clients wait for a leader anyway"),
        ignored(
            "experimental-compact-hash-check-enabled", .truth, "false",
            "--experimental-corrupt-check-time compares hashes"),
        ignored(
            "experimental-compact-hash-check-time", .duration, "1m",
            "--experimental-corrupt-check-time compares hashes", aliases: ["compact-hash-check-time"]),
        ignored(
            "experimental-snapshot-catchup-entries", count, "5000", "followers catch up from the log as it is",
            aliases: ["snapshot-catchup-entries"]),
        ignored("feature-gates", .text, "", "there are no gates here"),
        ignored("raft-read-timeout", .duration, "5s", "the time-outs between nodes follow --election-timeout"),
        ignored("raft-write-timeout", .duration, "5s", "the time-outs between nodes follow --election-timeout"),
    ]
}
