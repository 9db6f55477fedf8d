import ArgumentParser

/// The reference order platform on Apus.
@main
struct Shop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop",
        abstract: "An order platform of six services, a gateway and a page, on Apus.",
        discussion: """
            `shop` alone starts all of it and prints how to place an order. `shop audit` checks the books of a data \
            folder. `shop help run` and `shop help audit` tell more.
            """,
        subcommands: [RunCommand.self, AuditCommand.self],
        defaultSubcommand: RunCommand.self)
}
