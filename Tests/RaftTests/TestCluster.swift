import ApusPrimitives
import ApusRaft

/// Some nodes and a network that delivers in order, unless told otherwise.
struct TestCluster {
    private(set) var nodes: [TestNode]
    private(set) var queue: [Message] = []
    /// Messages for which it says true are lost.
    var isLost: (Message) -> Bool = { _ in false }

    init(_ voters: Int, learners: [UInt64] = [], options: RaftOptions = RaftOptions(), seed: UInt64 = 1) {
        let ids = (1...UInt64(voters)).map { NodeID($0) }
        let configuration = Configuration(voters: ids, learners: learners.map { NodeID($0) })
        nodes = configuration.members.map { TestNode($0, .bootstrap(configuration), options: options, seed: seed) }
    }

    init(nodes: [TestNode]) {
        self.nodes = nodes
    }

    subscript(_ id: UInt64) -> TestNode {
        get { nodes[nodes.firstIndex { $0.id.rawValue == id }!] }
        set { nodes[nodes.firstIndex { $0.id.rawValue == id }!] = newValue }
    }

    mutating func add(_ node: TestNode) {
        nodes.append(node)
    }

    /// An input for one node; what it sends waits.
    mutating func run(_ id: UInt64, _ input: (inout Raft) throws -> Void) rethrows {
        defer { collect() }
        try self[id].run(input)
    }

    mutating func deliver(_ message: Message) {
        guard !isLost(message), let place = nodes.firstIndex(where: { $0.id == message.to }) else { return }
        nodes[place].run { $0.step(message) }
        collect()
    }

    /// Delivers everything, and what comes of it. A bound, so that a test that talks in a circle ends.
    mutating func settle(limit: Int = 100_000) {
        collect()
        var count = 0
        while !queue.isEmpty, count < limit {
            count += 1
            deliver(queue.removeFirst())
        }
    }

    mutating func tick(_ count: Int = 1, _ ids: [UInt64]? = nil) {
        for _ in 0..<count {
            for place in nodes.indices where ids?.contains(nodes[place].id.rawValue) ?? true {
                nodes[place].run { $0.tick() }
            }
            settle()
        }
    }

    mutating func elect(_ id: UInt64) {
        run(id) { $0.campaign() }
        settle()
    }

    mutating func putBack(_ message: Message) {
        queue.append(message)
    }

    /// Takes what is on its way: to be lost, or delivered in another order.
    @discardableResult
    mutating func takeQueue() -> [Message] {
        collect()
        defer { queue = [] }
        return queue
    }

    mutating func collect() {
        for place in nodes.indices { queue += nodes[place].takeOutbox() }
    }

    var leader: UInt64? {
        let leaders = nodes.filter { $0.raft.standing.role == .leader }
        return leaders.max { $0.raft.standing.term < $1.raft.standing.term }?.id.rawValue
    }
}

extension TestNode {
    /// The commands that the state machine was given since the last restore.
    var commands: [String] {
        committed.compactMap { if case .command(let bytes) = $0.payload { bytes.text } else { nil } }
    }
}

extension Raft {
    mutating func propose(_ text: String) throws {
        _ = try propose([Bytes(text)])
    }
}
