extension ServerFlag {
    static let milliseconds: ClosedRange<Int64> = 1...50_000

    static let member: [ServerFlag] = [
        ServerFlag(
            name: "name", kind: .text, standard: "default", section: .member,
            help: "What this node is called; its name in --initial-cluster."),
        ServerFlag(
            name: "data-dir", kind: .text, standard: "${name}.etcd", section: .member,
            help: "Where the node keeps its log and its snapshots. Made when it is not there; nobody else may read it."),
        ServerFlag(
            name: "wal-dir", kind: .text, standard: "", section: .member,
            help: "A folder of its own for the log.",
            effect: .none("the log stays in --data-dir: one folder, one disk to sync")),
        ServerFlag(
            name: "listen-client-urls", kind: .urls, standard: "http://localhost:2379", section: .member,
            help: """
                Where clients are served, gRPC and HTTP on one port. An address, not a name; port 0 takes any free one. \
                https needs --cert-file and --key-file, or --auto-tls.
                """),
        ServerFlag(
            name: "listen-peer-urls", kind: .urls, standard: "http://localhost:2380", section: .member,
            help: "Where the other nodes are listened to."),
        ServerFlag(
            name: "quota-backend-bytes", kind: .number(Int64.min...Int64.max, unit: "bytes"), standard: "0",
            section: .member,
            help: """
                Above this, writes are refused with NOSPACE until space is given back and the alarm disarmed. \
                0 is 2 GiB; less than 0 is no quota.
                """),
        ServerFlag(
            name: "max-txn-ops", kind: .number(1...1_000_000, unit: "operations"), standard: "128", section: .member,
            help: "Operations that a transaction may have."),
        ServerFlag(
            name: "max-request-bytes", kind: .number(1...(1 << 30), unit: "bytes"), standard: "1572864",
            section: .member, help: "The largest request that is taken."),
        ServerFlag(
            name: "max-concurrent-streams", kind: .number(1...0xFFFF_FFFF, unit: "streams"), standard: "4294967295",
            section: .member, help: "Calls that one connection may have open."),
    ]
}
