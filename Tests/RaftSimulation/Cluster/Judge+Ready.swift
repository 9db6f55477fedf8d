import ApusRaft

extension Judge {
    /// Looks at a node right after it said what is to be done, and at that.
    mutating func examine(_ node: SimulatedNode, _ ready: Ready, nodes: [SimulatedNode]) throws(Broken) {
        guard let raft = node.raft else { return }
        let standing = raft.standing
        if standing.term < node.seenTerm {
            throw Broken(.termsGrow, "\(node.id) goes back from term \(node.seenTerm) to \(standing.term)")
        }
        node.seenTerm = standing.term
        node.standing = standing
        if let write = ready.write { try written(write, by: node) }
        if standing.role == .leader, node.ledTerm != standing.term {
            try elected(node, term: standing.term, nodes: nodes)
            node.ledTerm = standing.term
            node.seenMatch = node.seenMatch.map { _ in .zero }
        }
        let commit = raft.commitIndex
        if commit < node.seenCommit {
            throw Broken(.commitStays, "\(node.id) goes back from commit \(node.seenCommit) to \(commit)")
        }
        // Entries do not share a write with the end of a snapshot: what they say is looked at when they are written.
        let isWhole = raft.lastIndex == node.log.lastIndex || !raft.hasReady
        if isWhole, commit > node.seenCommit {
            try commits(node, through: commit, nodes: nodes)
            node.seenCommit = commit
        }
        if isWhole, let configuration = node.configuration, raft.configuration != configuration {
            throw Broken(
                .members,
                "\(node.id) holds \(raft.configuration.text) to be in force, its log says \(configuration.text)")
        }
        if !raft.hasReady, raft.lastIndex != node.log.lastIndex {
            throw Broken(
                .disk, "\(node.id) has entries up to \(raft.lastIndex) and wrote them up to \(node.log.lastIndex)")
        }
        if let last = ready.committed.last, !node.disk.image.has(last.index, last.term) {
            throw Broken(.promises, "\(node.id) hands out entry \(last.index), which its disk does not have")
        }
        for message in ready.messages { try promised(message, by: node, nodes: nodes) }
    }

    /// What a leader believes of the others is true: what it counts as acknowledged is on their disks.
    func examineProgress(_ node: SimulatedNode, nodes: [SimulatedNode]) throws(Broken) {
        guard node.isLeader, let status = node.raft?.status else { return }
        for peer in status.peers {
            let place = Int(peer.id.rawValue) - 1
            let seen = node.seenMatch[place]
            if peer.matchIndex < seen {
                throw Broken(.promises, "\(node.id) takes back that \(peer.id) has \(seen): now \(peer.matchIndex)")
            }
            node.seenMatch[place] = peer.matchIndex
            let image = nodes[place].disk.image
            // A later leader may have cut off what this one counts; then it is deposed.
            guard image.hardState.term <= node.seenTerm, let term = node.log.term(at: peer.matchIndex) else { continue }
            guard image.has(peer.matchIndex, term) else {
                throw Broken(.promises, "\(node.id) believes that \(peer.id) has entry \(peer.matchIndex) on its disk")
            }
        }
    }

    // MARK: What is written

    private mutating func written(_ write: Write, by node: SimulatedNode) throws(Broken) {
        for entry in write.entries {
            if entry.index <= node.seenCommit {
                throw Broken(.commitStays, "\(node.id) writes over the committed entry \(entry.index)")
            }
            guard let previousTerm = node.log.term(at: entry.index.previous) else {
                throw Broken(.disk, "\(node.id) writes entry \(entry.index) after \(node.log.lastIndex)")
            }
            if entry.term < previousTerm || entry.term > node.seenTerm {
                throw Broken(
                    .logMatching,
                    "\(node.id) in term \(node.seenTerm) writes entry \(entry.index) of term \(entry.term) after one of \(previousTerm)"
                )
            }
            try appended(entry, previousTerm: previousTerm)
            _ = node.log.append(entry)
            while let last = node.configurations.last, last.index >= entry.index { node.configurations.removeLast() }
            if case .configuration(let configuration, _) = entry.payload {
                try changed(to: configuration, at: entry, by: node)
                node.configurations.append((entry.index, configuration))
            }
        }
        if let chunk = write.chunk, chunk.isLast { try received(chunk.snapshot, by: node) }
    }

    private mutating func received(_ snapshot: SnapshotMetadata, by node: SimulatedNode) throws(Broken) {
        try check(snapshot, of: node)
        guard snapshot.index > node.seenCommit else {
            throw Broken(
                .commitStays, "\(node.id) replaces its log up to \(node.seenCommit) by a snapshot of \(snapshot.index)")
        }
        node.log = EntryLog(base: snapshot.index, baseTerm: snapshot.term)
        node.configurations = [(snapshot.index, snapshot.configuration)]
    }

    /// A snapshot stands for committed entries, and knows the members as of the last one.
    func check(_ snapshot: SnapshotMetadata, of node: SimulatedNode) throws(Broken) {
        let place = Int(snapshot.index.rawValue) - 1
        guard place < committed.count, place < 0 || committed[place].term == snapshot.term else {
            throw Broken(
                .snapshots, "\(node.id) has a snapshot of \(snapshot.index) in term \(snapshot.term), not committed")
        }
        guard configuration(at: snapshot.index) == snapshot.configuration else {
            throw Broken(
                .members, "\(node.id) has a snapshot of \(snapshot.index) with \(snapshot.configuration.text)")
        }
    }

    // MARK: Members

    /// One change at a time, and every majority of one configuration meets every majority of the next.
    private func changed(to new: Configuration, at entry: Entry, by node: SimulatedNode) throws(Broken) {
        for place in node.seenMatch.indices where !new.contains(NodeID(UInt64(place + 1))) {
            // Who goes and comes back is somebody new to the leader.
            node.seenMatch[place] = .zero
        }
        guard let old = node.configurations.last else { return }
        if node.isLeader, entry.term == node.seenTerm, old.index > max(node.raft?.commitIndex ?? .zero, node.log.base) {
            throw Broken(
                .members,
                "\(node.id) begins the change at \(entry.index) while the one at \(old.index) is not committed")
        }
        // The first of all entries says again what the cluster began with.
        if node.isLeader, entry.term == node.seenTerm, entry.index > LogIndex(1),
            node.log.term(at: node.raft?.commitIndex ?? .zero) != node.seenTerm
        {
            throw Broken(.members, "\(node.id) changes the members before it commits in term \(node.seenTerm)")
        }
        let before = old.configuration
        let isSafe =
            switch (before.isJoint, new.isJoint) {
            case (false, false): Self.differByOne(before.voters, new.voters)
            case (false, true): new.outgoingVoters == before.voters
            case (true, false): new.voters == before.voters
            case (true, true): false
            }
        if !isSafe || new.voters.isEmpty {
            throw Broken(.members, "\(node.id) goes from \(before.text) to \(new.text) at \(entry.index)")
        }
        let learners = new.learners.filter { new.voters.contains($0) || new.outgoingVoters.contains($0) }
        if !learners.isEmpty { throw Broken(.members, "\(node.id) has voters who are learners: \(new.text)") }
    }

    private static func differByOne(_ old: [NodeID], _ new: [NodeID]) -> Bool {
        Set(old).symmetricDifference(new).count <= 1
    }

    // MARK: Persisted before promised

    private mutating func promised(
        _ message: Message, by node: SimulatedNode, nodes: [SimulatedNode]
    ) throws(Broken) {
        let image = node.disk.image
        let broken = { (promise: String) in
            Broken(
                .promises, "\(node.id) sends \(message.to) \(promise) of term \(message.term) before its disk has it")
        }
        switch message.body {
        case .vote(granted: true):
            guard image.votes[message.term] == message.to else { throw broken("a vote") }
        case .voteRequest:
            guard image.votes[message.term] == node.id else { throw broken("a request for votes") }
        case .appendAccepted(let index):
            try checkAcceptance(of: index, message, by: node)
        case .snapshotProgress(let index, let offset):
            let partial = image.partial
            let has = image.snapshot.map { $0.metadata.index >= index } ?? false
            guard
                has || offset == 0 || (partial?.metadata.index == index && (partial?.bytes.count ?? 0) >= Int(offset))
                    || node.seenCommit >= index
            else { throw broken("\(offset) bytes of a snapshot") }
        case .append, .heartbeat, .snapshot, .timeoutNow:
            // It may have been elected and deposed between two looks.
            if leaders[message.term] == nil { try elected(node, term: message.term, nodes: nodes) }
            guard leaders[message.term]?.id == node.id else {
                throw Broken(.promises, "\(node.id) speaks as the leader of term \(message.term), which it is not")
            }
        default: return
        }
        node.promisedTerm = max(node.promisedTerm, message.term)
    }

    /// Who accepts up to `index` has, on disk, what the leader of that term has there.
    private func checkAcceptance(of index: LogIndex, _ message: Message, by node: SimulatedNode) throws(Broken) {
        let image = node.disk.image
        if let snapshot = image.snapshot?.metadata, snapshot.index >= index { return }
        guard let term = image.log.term(at: index) else {
            throw Broken(
                .promises, "\(node.id) accepts entry \(index), its disk has them up to \(image.log.lastIndex)")
        }
        guard let expected = leaderTerm(of: message.term, at: index) else { return }
        if term != expected {
            throw Broken(
                .promises,
                "\(node.id) accepts entry \(index) of term \(expected) from \(message.to), its disk has one of term \(term)"
            )
        }
    }
}
