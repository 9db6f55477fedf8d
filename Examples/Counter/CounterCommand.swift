import ApusHosting
import ApusNode
import ApusPrimitives
import ApusRPC
import ApusRaft
import ArgumentParser
import Hummingbird
import Logging

/// One node of a replicated counter. docs/replicated-state-machine.md starts three of them.
@main
struct CounterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counter", abstract: "One node of a replicated counter.")

    @Option(help: "Which node this is.")
    var id: UInt64

    @Option(help: "All nodes: id=host:port, separated by commas. The same for each of them.")
    var nodes: String

    @Option(help: "Where to answer HTTP on 127.0.0.1.")
    var port: Int

    @Option(help: "The folder of this node's log.")
    var data: String

    func run() async throws {
        let members = try nodes.split(separator: ",").map(Self.member)
        guard let own = members.first(where: { $0.id == NodeID(id) }) else {
            throw ValidationError("node \(id) is not among \(nodes)")
        }
        let node = ReplicatedNode(
            own.id, machine: Counter(), beginning: .founding(members), storage: try DiskStorage.open(folder: data),
            transport: try TCPTransport(listeningOn: own.address, cluster: "counter"))

        var settings = HostSettings()
        settings.port = port
        settings.logLevel = .warning
        let service = ServiceHost("counter", id: "counter-\(id)", settings: settings, services: [node]) { router in
            router.post("/add/{amount}") { _, context in
                let amount = try context.parameters.require("amount", as: Int64.self)
                return try await answer { Value(node: id, value: try await node.propose(Counter.adding(amount))) }
            }
            router.get("/value") { _, _ in
                try await answer { Value(node: id, value: try await node.read { $0.value }) }
            }
            router.get("/status") { _, _ in
                try await answer { Status(node: id, try await node.status) }
            }
        }
        try await service.runService()
    }

    private static func member(_ text: Substring) throws -> Member {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let id = UInt64(parts[0]), id > 0 else {
            throw ValidationError("'\(text)' is not of the form id=host:port")
        }
        return Member(NodeID(id), at: String(parts[1]))
    }
}

struct Value: ResponseCodable {
    let node: UInt64
    let value: Int64
}

struct Status: ResponseCodable {
    let node: UInt64
    let role: String
    let leader: UInt64?
    let term: UInt64
    let applied: UInt64

    init(node: UInt64, _ status: NodeStatus) {
        self.node = node
        role = "\(status.raft.standing.role)"
        leader = status.raft.standing.leader?.rawValue
        term = status.raft.standing.term.rawValue
        applied = status.appliedIndex.rawValue
    }
}

/// What a node refuses becomes an answer that says whether to ask again.
func answer<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
    do {
        return try await body()
    } catch let error as NodeError {
        let retry: Duration? = if case .after(let wait) = error.retry { wait } else { nil }
        var problem = Problem.unavailable(error.message, policy: error.code.rawValue, retryAfter: retry)
        problem.extensions["may_have_happened"] = .bool(error.mayHaveHappened)
        throw problem
    }
}
