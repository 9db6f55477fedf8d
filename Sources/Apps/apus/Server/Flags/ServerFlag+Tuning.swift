extension ServerFlag {
    static let tuning: [ServerFlag] = [
        ServerFlag(
            name: "heartbeat-interval", kind: .number(milliseconds, unit: "milliseconds"), standard: "100",
            section: .tuning, help: "How often a leader shows that it lives; about the round trip between nodes."),
        ServerFlag(
            name: "election-timeout", kind: .number(milliseconds, unit: "milliseconds"), standard: "1000",
            section: .tuning, help: "How long a silent leader is borne; at least 5 heartbeats. The same on each node."),
        ServerFlag(
            name: "snapshot-count", kind: .number(1...Int64.max, unit: "entries"), standard: "100000",
            section: .tuning, help: "Log entries from one snapshot to the next.",
            effect: .none("a snapshot is taken after 64 MiB of changes, and stops nobody")),
        ServerFlag(
            name: "grpc-keepalive-min-time", kind: .duration, standard: "5s", section: .tuning,
            help: "A client that pings more often is disconnected."),
        ServerFlag(
            name: "grpc-keepalive-interval", kind: .duration, standard: "2h", section: .tuning,
            help: "A client that is silent for so long is pinged; 0 never."),
        ServerFlag(
            name: "grpc-keepalive-timeout", kind: .duration, standard: "20s", section: .tuning,
            help: "… and disconnected when it does not answer within this."),
        ServerFlag(
            name: "experimental-watch-progress-notify-interval", kind: .duration, standard: "10m", section: .tuning,
            help: "How often a watcher that asked for it hears that nothing happened.",
            aliases: ["watch-progress-notify-interval"]),
        ServerFlag(
            name: "experimental-corrupt-check-time", kind: .duration, standard: "0s", section: .tuning,
            help: "How often the nodes compare hashes of what they hold; 0 never.", aliases: ["corrupt-check-time"]),
        ServerFlag(
            name: "experimental-initial-corrupt-check", kind: .truth, standard: "false", section: .tuning,
            help: "Compare hashes before the first client is served.",
            effect: .none("--experimental-corrupt-check-time compares them while clients are served")),
        ServerFlag(
            name: "experimental-max-learners", kind: .number(1...7, unit: "learners"), standard: "1", section: .tuning,
            help: "Learners that a cluster may have.", effect: .none("one at a time"), aliases: ["max-learners"]),
    ]
}
