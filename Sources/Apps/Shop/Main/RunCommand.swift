import ApusObservability
import ArgumentParser
import Foundation
import Logging

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Start the shop (what `shop` does when told nothing else).",
        discussion: """
            Starts each service on a loopback port of its own, registers it, and opens the gateway in front of them. \
            At the end it prints the URL, and an order to copy and paste. Ctrl-C (SIGINT) or SIGTERM stops it: it \
            takes no new requests, answers those it has, and what an order still lacks is done at the next start.

            Everything is kept in the data folder: a database for each service, and the registry. A shop that was \
            killed is started again on the same folder and goes on where it was.

            Exits with 0 after a signal, 1 when it cannot start (the port or the folder is in use, the folder cannot be \
            written, a file is damaged; one line says which), 64 for a wrong flag.

            With --endpoints the registry, the settings and the ended sessions are on a control plane (`apus server` or \
            etcd), and the shop may run as many processes on one data folder, with each instance in one of them; `shop \
            cluster` starts them all.

            With SHOP_FAULTS=1 in the environment an operator can make services slow or failing, to see what the others \
            make of it (docs/shop.md).

            Examples:
              shop                                  all of it, on http://127.0.0.1:8080
              shop --port 9000 --instances 2        two instances of each service
              shop --instances order=2,inventory=3  more of some
              shop --only order,inventory           these two services alone
              shop --only order --number 2 --endpoints http://127.0.0.1:2379
                                                    order-2, beside other processes
            """)

    @Option(
        help: ArgumentHelp(
            "Where the gateway listens.", discussion: "Environment: SHOP_HOST. Default: 127.0.0.1.",
            valueName: "address"))
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The port of the gateway; 0 takes any free one.", discussion: "Environment: SHOP_PORT. Default: 8080.",
            valueName: "number"))
    var port: String?

    @Option(
        help: ArgumentHelp(
            "The data folder; made when it is not there.", discussion: "Environment: SHOP_DATA. Default: ./shop-data.",
            valueName: "folder"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Run these parts and no others.",
            discussion: """
                Environment: SHOP_ONLY. Default: all of them: \(ShopPart.names). The gateway and the dashboard run \
                only when they are named too.
                """,
            valueName: "part,…"))
    var only: String?

    @Option(
        help: ArgumentHelp(
            "Instances of every service, or of some.",
            discussion: """
                A number from 1 to \(InstancePlan.maximum), or like order=2,inventory=3. \
                Environment: SHOP_INSTANCES. Default: 1.
                """,
            valueName: "plan"))
    var instances: String?

    @Option(
        help: ArgumentHelp(
            "The number of the first instance here, for a shop of several processes.",
            discussion: "1 to 999; order-2 is --only order --number 2. Environment: SHOP_NUMBER. Default: 1.",
            valueName: "number"))
    var number: String?

    @OptionGroup(title: "Control plane")
    var controlPlane: ControlPlaneOptions

    @Option(
        help: ArgumentHelp(
            "How much is logged, as JSON on standard error.",
            discussion: """
                One of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")). \
                Environment: SHOP_LOG_LEVEL. Default: notice.
                """,
            valueName: "level"))
    var logLevel: String?

    func validate() throws {
        _ = try settings()
    }

    func run() async throws {
        let settings = try settings()
        do {
            try await ShopProcess.run(settings)
        } catch let failure as StartFailure {
            StandardError.print("shop: \(failure)")
            throw ExitCode(1)
        }
    }

    private func settings() throws -> RunSettings {
        try RunSettings(
            flags: .init(
                host: host, port: port, data: data, only: only, instances: instances, number: number,
                logLevel: logLevel, controlPlane: controlPlane.given),
            environment: ProcessInfo.processInfo.environment)
    }
}

/// The shop cannot start, for a reason that its operator can do something about.
struct StartFailure: Error, CustomStringConvertible {
    let description: String
}
