import ArgumentParser

/// The reference order platform on Apus.
@main
struct Shop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop",
        abstract: "An order platform of six services, a gateway and a page, on Apus.",
        discussion: """
            `shop` alone starts all of it in one process and prints how to place an order; `shop cluster` starts it as \
            many processes. `shop audit` checks the books of a data folder. `shop help run` and so on tell more.
            """,
        subcommands: [RunCommand.self, ClusterCommand.self, AuditCommand.self],
        defaultSubcommand: RunCommand.self)
}
