import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import TestSupport
import Testing

/// Nodes in one process, whose clocks go only while somebody waits for something.
final class Cluster: Sendable {
    typealias Node = ReplicatedNode<Ledger>

    struct Running {
        let node: Node
        let run: Task<Void, any Error>
    }

    let network = InProcessNetwork()
    let settings: NodeSettings
    let founders: [Member]
    private let makeStorage: @Sendable (NodeID) throws -> any NodeStorage
    private let makeTransport: (@Sendable (NodeID) -> any NodeTransport)?
    private let makeObserver: (@Sendable (NodeID) -> any NodeObserver<Ledger>)?
    private let running = Locked<[NodeID: Running]>([:])

    /// - Parameters:
    ///   - storage: what a node starts on; of the same content at every start. By default memory that outlives it.
    ///   - transport: by default the network within the process.
    init(
        _ count: UInt64 = 3, settings: NodeSettings = .test,
        storage: (@Sendable (NodeID) throws -> any NodeStorage)? = nil,
        transport: (@Sendable (NodeID) -> any NodeTransport)? = nil,
        address: @Sendable (NodeID) -> String = { "n\($0)" },
        observer: (@Sendable (NodeID) -> any NodeObserver<Ledger>)? = nil
    ) {
        self.settings = settings
        founders = (1...count).map { Member(NodeID($0), at: address(NodeID($0))) }
        let memories = Locked<[NodeID: MemoryStorage]>([:])
        makeStorage =
            storage
            ?? { id in
                memories.withLock { memories in
                    if let memory = memories[id] { return memory }
                    let memory = MemoryStorage()
                    memories[id] = memory
                    return memory
                }
            }
        makeTransport = transport
        makeObserver = observer
    }

    var nodes: [Node] { running.withLock { $0.values.map(\.node) }.sorted { $0.id < $1.id } }

    subscript(id: UInt64) -> Node {
        running.withLock { $0[NodeID(id)]!.node }
    }

    func startAll() throws {
        for member in founders { try start(member.id.rawValue) }
    }

    @discardableResult
    func start(_ id: UInt64, beginning: Beginning? = nil) throws -> Node {
        let id = NodeID(id)
        var settings = settings
        settings.seed = id.rawValue
        let node = Node(
            id, machine: Ledger(), beginning: beginning ?? .founding(founders), storage: try makeStorage(id),
            transport: makeTransport?(id) ?? network.transport(), settings: settings,
            observer: makeObserver?(id), logger: .silent)
        let run = Task { try await node.run() }
        running.withLock { $0[id] = Running(node: node, run: run) }
        return node
    }

    /// As a crash: nothing is handed over, and what was under way is lost.
    func stop(_ id: UInt64) async {
        let stopped = running.withLock { $0.removeValue(forKey: NodeID(id)) }
        stopped?.run.cancel()
        _ = await stopped?.run.result
    }

    func stopAll() async {
        for node in nodes { await stop(node.id.rawValue) }
    }

    /// What `run` ended with.
    func outcome(_ id: UInt64) async -> Result<Void, any Error> {
        await running.withLock { $0[NodeID(id)]!.run }.result
    }

    /// Lets time go by until `condition` holds.
    func until(_ condition: @Sendable () async throws -> Bool) async throws {
        try await eventually {
            await self.tick()
            return try await condition()
        }
    }

    /// One tick of every clock, and what follows from it: a busy machine does not make clocks run ahead of messages.
    func tick() async {
        for node in nodes { node.tick() }
        for _ in 0..<2 {
            for node in nodes { _ = try? await node.status }
        }
    }

    /// Lets time go by while `body` waits.
    func whileTicking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let result = Locked<Result<Value, any Error>?>(nil)
        let task = Task {
            do {
                let value = try await body()
                result.withLock { $0 = .success(value) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
        }
        do {
            try await until { result.withLock { $0 != nil } }
        } catch {
            task.cancel()
            throw error
        }
        return try result.withLock { $0! }.get()
    }

    /// The one that leads, and that all running nodes take for their leader.
    func leader() async throws -> Node {
        try await until { self.agreedLeader != nil }
        return agreedLeader!
    }

    var agreedLeader: Node? {
        let leaders = nodes.filter { $0.standing.role == .leader }
        guard let leader = leaders.max(by: { $0.standing.term < $1.standing.term }) else { return nil }
        return nodes.allSatisfy { $0.standing.leader == leader.id } ? leader : nil
    }

    func followers() async throws -> [Node] {
        let leader = try await leader()
        return nodes.filter { $0.id != leader.id }
    }

    /// All running nodes have applied the same, and it has `count` lines.
    func converge(_ count: Int) async throws -> [String] {
        try await until {
            for node in self.nodes {
                let lines = try await node.readLocally { $0.lines }
                if lines.count < count { return false }
            }
            return true
        }
        let all = try await nodes.asyncMap { try await $0.readLocally { $0.lines } }
        for lines in all { #expect(lines == all[0]) }
        return all[0]
    }
}

extension NodeSettings {
    /// Driven by hand.
    static var test: NodeSettings {
        var settings = NodeSettings()
        settings.ticks = .byHand
        settings.timeoutTicks = 2_000
        return settings
    }
}

extension NodeSettings {
    /// Driven by the clock, for a node that only has to be there.
    static var quickTicks: NodeSettings {
        var settings = NodeSettings()
        settings.ticks = .every(.milliseconds(2))
        return settings
    }
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension Array {
    func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}

/// Runs `body` with a cluster that has started, and stops it.
func withCluster(_ cluster: Cluster, _ body: (Cluster) async throws -> Void) async throws {
    try cluster.startAll()
    do {
        try await body(cluster)
    } catch {
        await cluster.stopAll()
        throw error
    }
    await cluster.stopAll()
}
