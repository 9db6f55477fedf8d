import ArgumentParser

/// The operator's command line.
@main
struct ApusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "The control plane of Apus: one to seven nodes that speak the etcd v3 API.",
        discussion: """
            `apus server` starts a node, with etcd's flags. `apus server --help` tells all of them, and how to start one \
            node and three.
            """,
        subcommands: [ServerCommand.self, CtlCommand.self, BenchCommand.self])
}
