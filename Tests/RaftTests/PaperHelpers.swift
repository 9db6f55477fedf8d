import ApusPrimitives
import ApusRaft

extension RaftOptions {
    /// The paper's Raft: without what the dissertation adds.
    static var plain: RaftOptions {
        var options = RaftOptions()
        options.preVote = false
        options.checkQuorum = false
        return options
    }
}

extension Configuration {
    init(_ voters: UInt64...) {
        self.init(voters: voters.map { NodeID($0) })
    }
}

/// A log with entries of these terms, from index 1 on.
func entries(_ terms: UInt64..., from first: UInt64 = 1) -> [Entry] {
    entries(terms, from: first)
}

func entries(_ terms: [UInt64], from first: UInt64 = 1) -> [Entry] {
    terms.enumerated().map { place, term in
        let index = first + UInt64(place)
        return Entry(term: Term(term), index: LogIndex(index), payload: .command(Bytes("\(index)@\(term)")))
    }
}

extension TestNode {
    /// Node `id` of `size`, with a log of these terms.
    static func member(
        _ id: UInt64 = 1, of size: UInt64 = 3, log terms: [UInt64] = [], term: UInt64? = nil, commit: UInt64 = 0,
        options: RaftOptions = .plain
    ) -> TestNode {
        var state = PersistentState.bootstrap(Configuration(voters: (1...size).map { NodeID($0) }))
        state.entries = entries(terms)
        state.hardState = HardState(term: Term(term ?? terms.last ?? 0), commitIndex: LogIndex(commit))
        return TestNode(NodeID(id), state, options: options)
    }

    /// Node 1 of `size` as leader of the term after its log's, elected by the others.
    static func leader(
        of size: UInt64 = 3, log terms: [UInt64] = [], term: UInt64? = nil, commit: UInt64 = 0,
        options: RaftOptions = .plain
    ) -> TestNode {
        var node = member(of: size, log: terms, term: term, commit: commit, options: options)
        node.run { $0.campaign() }
        for other in 2..<max(2, size / 2 + 2) where size > 1 { node.hear(from: other, .vote(granted: true)) }
        precondition(node.raft.standing.role == .leader)
        node.takeOutbox()
        return node
    }

    var term: UInt64 { raft.standing.term.rawValue }
    var role: Standing.Role { raft.standing.role }
    var logTerms: [UInt64] { raft.entries(from: raft.firstIndex).map(\.term.rawValue) }

    /// A message of the node's own term, or of another.
    mutating func hear(from sender: UInt64, term: UInt64? = nil, _ body: Message.Body) {
        let message = Message(from: NodeID(sender), to: id, term: Term(term ?? self.term), body: body)
        run { $0.step(message) }
    }

    /// What a message makes this node send.
    mutating func answers(to sender: UInt64, term: UInt64? = nil, _ body: Message.Body) -> [Message.Body] {
        takeOutbox()
        hear(from: sender, term: term, body)
        return takeOutbox().map(\.body)
    }

    mutating func tick(_ count: Int) {
        for _ in 0..<count { run { $0.tick() } }
    }

    /// The followers say that they have everything up to `index`.
    mutating func accept(_ index: UInt64, from followers: UInt64...) {
        for follower in followers { hear(from: follower, .appendAccepted(lastIndex: LogIndex(index))) }
    }
}

extension Message.Body {
    static func append(
        _ entries: [Entry] = [], after index: UInt64, _ term: UInt64, commit: UInt64 = 0
    ) -> Message.Body {
        .append(
            previousIndex: LogIndex(index), previousTerm: Term(term), entries: entries, commitIndex: LogIndex(commit))
    }

    static func voteRequest(_ index: UInt64, _ term: UInt64) -> Message.Body {
        .voteRequest(lastIndex: LogIndex(index), lastTerm: Term(term), isTransfer: false)
    }

    var isAppend: Bool {
        if case .append = self { true } else { false }
    }

    var appended: [Entry] {
        if case .append(_, _, let entries, _) = self { entries } else { [] }
    }
}
