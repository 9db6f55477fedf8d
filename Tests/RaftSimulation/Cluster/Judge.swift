import ApusPrimitives
import ApusRaft

/// Checks every node against every other after each step, at a cost that does not grow with the logs: what is true of all
/// entries so far is kept once, and each node adds only what is new.
struct Judge {
    struct Leader {
        let id: NodeID
        /// Its log when it was elected: what the term's entries come after.
        let log: EntryLog
    }

    struct Committed {
        let term: Term
        let payload: UInt64
        /// The term of the leader who committed it.
        let leaderTerm: Term
    }

    private struct Place: Hashable {
        let index: LogIndex
        let term: Term
    }

    private struct Known {
        let previousTerm: Term
        let payload: UInt64
    }

    private(set) var leaders: [Term: Leader] = [:]
    private var known: [Place: Known] = [:]
    /// Of index 1 and on.
    private(set) var committed: [Committed] = []
    /// The hash of the state machine after each index, from 1 on.
    private var stateHashes: [UInt64?] = []
    /// The configurations among the committed entries, and the one that the cluster began with.
    private(set) var configurations: [(index: LogIndex, configuration: Configuration)]

    init(first: Configuration) {
        configurations = [(.zero, first)]
    }

    var lastCommitted: LogIndex { LogIndex(UInt64(committed.count)) }

    static func hash(_ payload: Entry.Payload) -> UInt64 {
        var hash = Fingerprint(1)
        switch payload {
        case .empty: break
        case .command(let bytes): hash.mix(bytes.array)
        case .configuration(let configuration, let context):
            for list in [
                configuration.voters, configuration.outgoingVoters, configuration.learners, configuration.nextLearners,
            ] {
                hash.mix(UInt64(list.count))
                for node in list { hash.mix(node.rawValue) }
            }
            hash.mix(context.array)
        }
        return hash.value
    }

    // MARK: Log matching

    /// An entry goes into a log after one of `previousTerm`. If two logs have an entry of one index and term, they have it
    /// with one content and after an entry of one term: by induction the logs are equal up to it.
    mutating func appended(_ entry: Entry, previousTerm: Term) throws(Broken) {
        let payload = Self.hash(entry.payload)
        let place = Place(index: entry.index, term: entry.term)
        guard let earlier = known[place] else {
            known[place] = Known(previousTerm: previousTerm, payload: payload)
            return
        }
        if earlier.payload != payload {
            throw Broken(.logMatching, "entry \(entry.index) of term \(entry.term) has two contents")
        }
        if earlier.previousTerm != previousTerm {
            throw Broken(
                .logMatching,
                "entry \(entry.index) of term \(entry.term) comes after term \(previousTerm) and after \(earlier.previousTerm)"
            )
        }
    }

    /// The term of the entry that the leader of `term` has at `index`; nil when it is not known any more.
    func leaderTerm(of term: Term, at index: LogIndex) -> Term? {
        guard let leader = leaders[term] else { return nil }
        return index > leader.log.lastIndex ? term : leader.log.term(at: index)
    }

    // MARK: Leaders

    mutating func elected(_ node: SimulatedNode, term: Term, nodes: [SimulatedNode]) throws(Broken) {
        if let other = leaders[term] {
            guard other.id == node.id else {
                throw Broken(.oneLeader, "\(other.id) and \(node.id) lead term \(term)")
            }
            throw Broken(.oneLeader, "\(node.id) begins to lead term \(term) twice")
        }
        var log = node.log
        while let last = log.entries.last, last.term == term { log.removeLast() }
        leaders[term] = Leader(id: node.id, log: log)
        guard let configuration = node.configuration else {
            throw Broken(.electionQuorum, "\(node.id) leads without knowing the members")
        }
        let isGranted = { (voter: NodeID) in
            nodes.contains { $0.id == voter && $0.disk.image.votes[term] == node.id }
        }
        guard configuration.isDecided(by: isGranted) else {
            throw Broken(
                .electionQuorum,
                "\(node.id) leads term \(term) without the votes, on disk, of a majority of \(configuration.text)")
        }
        if let last = committed.lastIndex(where: { $0.leaderTerm < term }) {
            let index = LogIndex(UInt64(last + 1))
            if log.lastIndex < index || (log.base < index && log.term(at: index) != committed[last].term) {
                throw Broken(.leaderCompleteness, "\(node.id) leads term \(term) without the committed entry \(index)")
            }
        }
    }

    // MARK: Commits

    /// `node` holds everything up to `commit` for committed.
    mutating func commits(_ node: SimulatedNode, through commit: LogIndex, nodes: [SimulatedNode]) throws(Broken) {
        guard commit <= node.log.lastIndex else {
            throw Broken(.commitStays, "\(node.id) commits \(commit), its log ends at \(node.log.lastIndex)")
        }
        var index = max(node.seenCommit, node.log.base)
        let isNews = commit > lastCommitted
        while index < commit {
            index = index.next
            guard let entry = node.log.entry(at: index) else { continue }
            let payload = Self.hash(entry.payload)
            let place = Int(index.rawValue) - 1
            if place < committed.count {
                if committed[place].term != entry.term || committed[place].payload != payload {
                    throw Broken(
                        .commitStays,
                        "\(node.id) commits entry \(index) of term \(entry.term); committed was one of term \(committed[place].term)"
                    )
                }
                continue
            }
            guard place == committed.count else {
                throw Broken(.commitStays, "\(node.id) commits \(index), \(committed.count) was the last")
            }
            committed.append(Committed(term: entry.term, payload: payload, leaderTerm: node.seenTerm))
            if case .configuration(let configuration, _) = entry.payload {
                configurations.append((index, configuration))
            }
        }
        if isNews { try checkQuorum(node, commit: commit, nodes: nodes) }
    }

    private func checkQuorum(_ node: SimulatedNode, commit: LogIndex, nodes: [SimulatedNode]) throws(Broken) {
        guard let term = node.log.term(at: commit), let configuration = node.configuration else { return }
        if node.isLeader, term != node.seenTerm {
            throw Broken(
                .currentTermCommits,
                "\(node.id) commits entry \(commit) of term \(term) by counting in term \(node.seenTerm)")
        }
        let isThere = { (voter: NodeID) in nodes.contains { $0.id == voter && $0.disk.image.has(commit, term) } }
        guard configuration.isDecided(by: isThere) else {
            throw Broken(
                .commitQuorum,
                "\(node.id) commits entry \(commit), which is not on the disks of a majority of \(configuration.text)")
        }
    }

    /// The latest configuration at or before `index` among the committed entries.
    func configuration(at index: LogIndex) -> Configuration? {
        configurations.last { $0.index <= index }?.configuration
    }

    // MARK: State machines

    mutating func applied(_ store: SimulatedStore, by node: NodeID) throws(Broken) {
        let place = Int(store.index.rawValue) - 1
        guard place >= 0 else { return }
        while stateHashes.count <= place { stateHashes.append(nil) }
        if let expected = stateHashes[place], expected != store.hash.value {
            throw Broken(.stateMachines, "\(node) has another state than others after entry \(store.index)")
        }
        stateHashes[place] = store.hash.value
    }

    /// `node` applies `entry`.
    func applies(_ entry: Entry, after index: LogIndex, by node: NodeID) throws(Broken) {
        guard entry.index == index.next else {
            throw Broken(.stateMachines, "\(node) applies entry \(entry.index) after \(index)")
        }
        let place = Int(entry.index.rawValue) - 1
        guard place < committed.count, committed[place].term == entry.term,
            committed[place].payload == Self.hash(entry.payload)
        else { throw Broken(.commitStays, "\(node) applies entry \(entry.index), which is not the committed one") }
    }
}

extension Configuration {
    /// Whether those who `agree` are a majority of the voters, and of the outgoing ones.
    func isDecided(by agree: (NodeID) -> Bool) -> Bool {
        voters.count(where: agree) > voters.count / 2
            && (outgoingVoters.isEmpty || outgoingVoters.count(where: agree) > outgoingVoters.count / 2)
    }

    var text: String {
        let list = { (nodes: [NodeID]) in nodes.map(\.description).joined(separator: ",") }
        return "voters \(list(voters))" + (isJoint ? " from \(list(outgoingVoters))" : "")
            + (learners.isEmpty ? "" : " learners \(list(learners))")
            + (nextLearners.isEmpty ? "" : " next learners \(list(nextLearners))")
    }

    func contains(_ node: NodeID) -> Bool {
        voters.contains(node) || outgoingVoters.contains(node) || learners.contains(node) || nextLearners.contains(node)
    }
}
