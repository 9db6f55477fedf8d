extension ServerFlag {
    private static let writeTheCluster = "name the nodes with --initial-cluster name=http://host:2380,…"

    static let clustering: [ServerFlag] = [
        ServerFlag(
            name: "initial-advertise-peer-urls", kind: .urls, standard: "http://localhost:2380", section: .clustering,
            help: "Where the other nodes reach this one; as in --initial-cluster."),
        ServerFlag(
            name: "initial-cluster", kind: .text, standard: "default=http://localhost:2380", section: .clustering,
            help: """
                The nodes of a new cluster, the same list on each: name=peer URL, separated by commas. \
                Read at the first start only.
                """),
        ServerFlag(
            name: "initial-cluster-state", kind: .choice(["new", "existing"]), standard: "new", section: .clustering,
            help: "`new` to begin a cluster; `existing` to join one that was told with `member add`."),
        ServerFlag(
            name: "initial-cluster-token", kind: .text, standard: "etcd-cluster", section: .clustering,
            help: "Tells clusters apart that have the same nodes, so that they never mix."),
        ServerFlag(
            name: "advertise-client-urls", kind: .urls, standard: "http://localhost:2379", section: .clustering,
            help: "Where clients reach this node; needed when --listen-client-urls is given."),
        ServerFlag(
            name: "strict-reconfig-check", kind: .truth, standard: "true", section: .clustering,
            help: "Refuse changes of members that would lose the majority."),
        ServerFlag(
            name: "auto-compaction-mode", kind: .choice(["periodic", "revision"]), standard: "periodic",
            section: .clustering, help: "What --auto-compaction-retention counts: time, or revisions."),
        ServerFlag(
            name: "auto-compaction-retention", kind: .text, standard: "0", section: .clustering,
            help: """
                How much history is kept: `5m` or `1h` (`1` is one hour) when periodic, a number of revisions when not. \
                0 keeps all.
                """),
        ServerFlag(
            name: "discovery", kind: .text, standard: "", section: .clustering,
            help: "A discovery service.", effect: .refused(writeTheCluster)),
        ServerFlag(
            name: "discovery-srv", kind: .text, standard: "", section: .clustering,
            help: "Nodes by DNS.", effect: .refused(writeTheCluster)),
        ServerFlag(
            name: "discovery-token", kind: .text, standard: "", section: .clustering,
            help: "A discovery service.", effect: .refused(writeTheCluster)),
        ServerFlag(
            name: "force-new-cluster", kind: .truth, standard: "false", section: .clustering,
            help: "Begin a cluster of one from a node's data.",
            effect: .refused("restore a snapshot into a new data folder instead: `etcdutl snapshot restore` shows how")),
    ]
}
