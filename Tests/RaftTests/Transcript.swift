import ApusPrimitives
import ApusRaft

/// Runs the commands of a transcript on a cluster; `Transcripts/README.md` lists them.
struct Transcript {
    private var cluster = TestCluster(nodes: [])
    private var options = RaftOptions()
    private var told: [String] = []
    private var isSilent = false

    struct Mistake: Error {
        let text: String
    }

    /// Replaces what each command is said to answer by what it does answer.
    static func rerun(_ text: String) throws -> String {
        var transcript = Transcript()
        var result: [String] = []
        var isAnswer = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.isEmpty {
                isAnswer = false
                if result.last?.isEmpty == false { result.append("") }
            } else if isAnswer {
                continue
            } else if line == "----" {
                isAnswer = true
                result.append(line)
                result += transcript.takeTold()
            } else {
                result.append(line)
                if !line.hasPrefix("#") { try transcript.run(line) }
            }
        }
        while result.last?.isEmpty == true { result.removeLast() }
        return result.joined(separator: "\n") + "\n"
    }

    private mutating func takeTold() -> [String] {
        defer { told = [] }
        return told
    }

    private mutating func run(_ line: String) throws {
        var words = line.split(separator: " ").map(String.init)
        isSilent = words.first == "quietly"
        if isSilent { words.removeFirst() }
        let command = words.removeFirst()
        do {
            if try !build(command, words), try !ask(command, words), try !drive(command, words) {
                throw Mistake(text: "no such command: \(line)")
            }
        } catch let refusal as Refusal {
            tell(["refused: \(refusal)"])
        }
        tellReadies()
    }

    // MARK: Commands

    private mutating func build(_ command: String, _ words: [String]) throws -> Bool {
        switch command {
        case "options":
            for word in words { try set(word) }
        case "cluster":
            let (voters, learners) = Self.split(words, at: "learners")
            let configuration = Configuration(voters: try ids(voters), learners: try ids(learners))
            cluster = TestCluster(nodes: configuration.members.map { node($0, .bootstrap(configuration)) })
        case "join":
            for id in try ids(words) { cluster.add(node(id, PersistentState())) }
        case "log":
            // log 2 1 1 3: node 2 has entries of terms 1, 1 and 3 on its disk.
            let id = try number(words[0])
            var state = cluster[id].disk
            state.entries = entries(try words.dropFirst().map(number))
            state.hardState.term = state.entries.last?.term ?? .zero
            cluster[id] = node(NodeID(id), state)
        default: return false
        }
        return true
    }

    private func node(_ id: NodeID, _ state: PersistentState) -> TestNode {
        var node = TestNode(id, state, options: options)
        node.isTold = true
        return node
    }

    /// Inputs of one node's application.
    private mutating func ask(_ command: String, _ words: [String]) throws -> Bool {
        guard let id = words.first.flatMap({ UInt64($0) }), cluster.nodes.contains(where: { $0.id.rawValue == id })
        else { return false }
        let rest = Array(words.dropFirst())
        switch command {
        case "campaign": cluster.run(id) { $0.campaign() }
        case "propose": try cluster.run(id) { _ = try $0.propose(rest.map { Bytes($0) }) }
        case "change": try change(id, rest)
        case "read":
            let mode: ReadMode = rest.last == "lease" ? .lease : .quorum
            let reads = try rest.filter { $0 != "lease" }.map { ReadID(try number($0)) }
            try cluster.run(id) { for read in reads { try $0.read(read, mode: mode) } }
        case "transfer":
            let target = NodeID(try number(rest[0]))
            try cluster.run(id) { try $0.transferLeadership(to: target) }
        case "disk":
            if rest == ["full"] || rest == ["room"] { cluster.run(id) { $0.storageBecame(writable: rest == ["room"]) } }
            if rest == ["slow"] || rest == ["fast"] { cluster[id].isDiskSlow = rest == ["slow"] }
        case "persist": cluster[id].persist(try rest.first.map { Int(try number($0)) })
        case "snapshot": cluster[id].takeSnapshot([UInt8](repeating: 7, count: Int(try number(rest[0]))))
        case "restart":
            cluster[id].restart()
            cluster[id].isTold = true
        case "unreachable":
            let peer = NodeID(try number(rest[0]))
            cluster.run(id) { $0.peerUnreachable(peer) }
        case "status": tell(Story.text(cluster[id].raft.status))
        case "entries": tell([Story.text(cluster[id].raft.entries(from: cluster[id].raft.firstIndex))])
        default: return false
        }
        return true
    }

    private mutating func change(_ id: UInt64, _ words: [String]) throws {
        var change = ConfigurationChange([])
        for word in words {
            let member = NodeID(UInt64(word.dropFirst()) ?? 0)
            switch word.first {
            case "+": change.steps.append(.addVoter(member))
            case "~": change.steps.append(.addLearner(member))
            case "-": change.steps.append(.remove(member))
            default: change.leaving = word == "stay" ? .explicit : .automatic
            }
        }
        try cluster.run(id) { _ = try $0.propose(change) }
    }

    /// Time and the network.
    private mutating func drive(_ command: String, _ words: [String]) throws -> Bool {
        switch command {
        case "tick":
            // tick 3 [1 2]: three ticks, of these or of all nodes; nothing is delivered.
            let which = try ids(Array(words.dropFirst()))
            for _ in 0..<(try number(words[0])) {
                for node in cluster.nodes where which.isEmpty || which.contains(node.id) {
                    cluster.run(node.id.rawValue) { $0.tick() }
                }
            }
        case "deliver", "lose":
            // deliver, or deliver 1->2: what is on its way now, not what comes of it.
            deliver(only: words.first, isLost: command == "lose")
        case "settle":
            var rounds = 0
            while deliver(only: nil, isLost: false), rounds < 1_000 { rounds += 1 }
        case "run":
            // run 5: ticks and delivers all, five times.
            for _ in 0..<(try number(words[0])) {
                _ = try drive("tick", ["1"])
                _ = try drive("settle", [])
            }
        case "cut":
            let away = Set(try ids(words))
            cluster.isLost = { away.contains($0.from) != away.contains($0.to) }
        case "mend": cluster.isLost = { _ in false }
        default: return false
        }
        return true
    }

    @discardableResult
    private mutating func deliver(only pair: String?, isLost: Bool) -> Bool {
        tellReadies()
        let waiting = cluster.takeQueue()
        for message in waiting {
            guard pair == nil || pair == "\(message.from)->\(message.to)" else {
                cluster.putBack(message)
                continue
            }
            let isGone = isLost || cluster.isLost(message)
            tell([(isGone ? "lost: " : "") + Story.text(message)])
            if !isGone { cluster.deliver(message) }
            tellReadies()
        }
        return !waiting.isEmpty
    }

    // MARK: Telling

    private mutating func tellReadies() {
        for id in cluster.nodes.map(\.id.rawValue) {
            for ready in cluster[id].takeReadies() { tell(Story.lines(ready, of: NodeID(id))) }
        }
    }

    private mutating func tell(_ lines: [String]) {
        if !isSilent { told += lines }
    }

    // MARK: Words

    private func number(_ word: String) throws -> UInt64 {
        guard let number = UInt64(word) else { throw Mistake(text: "\(word) is no number") }
        return number
    }

    private func ids(_ words: [String]) throws -> [NodeID] { try words.map { NodeID(try number($0)) } }

    private static func split(_ words: [String], at word: String) -> ([String], [String]) {
        guard let place = words.firstIndex(of: word) else { return (words, []) }
        return (Array(words[..<place]), Array(words[(place + 1)...]))
    }

    private mutating func set(_ word: String) throws {
        let parts = word.split(separator: "=").map(String.init)
        guard parts.count == 2 else { throw Mistake(text: "\(word) is no option") }
        let value = parts[1] == "on" ? 1 : parts[1] == "off" ? 0 : Int(try number(parts[1]))
        switch parts[0] {
        case "preVote": options.preVote = value != 0
        case "checkQuorum": options.checkQuorum = value != 0
        case "messageBytes": options.maximumMessageBytes = value
        case "inflightMessages": options.maximumInflightMessages = value
        case "uncommittedBytes": options.maximumUncommittedBytes = value
        case "chunkBytes": options.snapshotChunkBytes = value
        case "trailing": options.trailingEntries = value
        default: throw Mistake(text: "no such option: \(word)")
        }
    }
}
