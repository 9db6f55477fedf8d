import ArgumentParser
import Foundation
import Logging

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Start the shop as many processes: a control plane of three nodes, and two instances of everything.",
        discussion: """
            Three nodes of `apus server`, two processes for each service and the page, and two gateways, all on this \
            machine. Each process that ends is started again. Any one of them can be killed (`kill -9`): what an order \
            still lacks is done by the others. When a gateway is gone, use the other one.

            Everything is kept in the data folder: the databases, which the two instances of a service share; the logs of \
            the processes in logs/; the nodes' data in control-plane/. `shop audit` checks it once the cluster has ended. \
            Ctrl-C (SIGINT) or SIGTERM ends all processes; so does the death of this one.

            With --endpoints another control plane is used, and no nodes are started.

            Exits with 0 after a signal, 1 when it cannot start (one line says why), 64 for a wrong flag.

            Examples:
              shop cluster                    gateways on 8080 and 8081
              shop cluster --port 9000        … on 9000 and 9001
              shop cluster --endpoints http://10.0.0.1:2379,http://10.0.0.2:2379,http://10.0.0.3:2379
            """)

    @Option(
        help: ArgumentHelp(
            "Where the gateways listen.", discussion: "Environment: SHOP_HOST. Default: 127.0.0.1.",
            valueName: "address"))
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The port of the first gateway; the second has the next one.",
            discussion: "0 takes any two free ones. Environment: SHOP_PORT. Default: 8080.", valueName: "number"))
    var port: String?

    @Option(
        help: ArgumentHelp(
            "The data folder; made when it is not there.",
            discussion: "Environment: SHOP_DATA. Default: ./shop-cluster-data.", valueName: "folder"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The program of the nodes.", discussion: "Default: the `apus` beside this program.", valueName: "path"))
    var apus: String?

    @OptionGroup(title: "Control plane")
    var controlPlane: ControlPlaneOptions

    @Option(
        help: ArgumentHelp(
            "How much the services log.", discussion: "Environment: SHOP_LOG_LEVEL. Default: notice.",
            valueName: "level"))
    var logLevel: String?

    func validate() throws {
        _ = try settings()
    }

    func run() async throws {
        let settings = try settings()
        do {
            try await ClusterProcess.run(settings)
        } catch let failure as StartFailure {
            StandardError.print("shop cluster: \(failure)")
            throw ExitCode(1)
        }
    }

    private func settings() throws -> ClusterSettings {
        try ClusterSettings(
            flags: .init(
                host: host, port: port, data: data, logLevel: logLevel, controlPlane: controlPlane.given),
            apus: apus, environment: ProcessInfo.processInfo.environment)
    }
}
