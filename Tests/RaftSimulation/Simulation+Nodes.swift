import ApusPrimitives
import ApusRaft

/// Nodes live, crash and come back; what they ask for is done.
extension Simulation {
    /// The next node: with the first configuration, or empty, for one who joins.
    @discardableResult
    func addNode(first: Configuration?) -> SimulatedNode {
        let store = SimulatedStore(keys: plan.keys, clients: plan.clients)
        let snapshot = first.map { configuration in
            Snapshot(
                metadata: SnapshotMetadata(index: .zero, term: .zero, configuration: configuration),
                source: NodeID(UInt64(nodes.count + 1)), bytes: [])
        }
        let node = SimulatedNode(
            index: nodes.count, image: DiskImage(snapshot: snapshot), store: store, clients: plan.clients)
        nodes.append(node)
        return node
    }

    func start(_ node: SimulatedNode) throws(Broken) {
        let image = node.disk.image
        let state = image.state
        let snapshot = image.snapshot
        if node.store.index < (snapshot?.metadata.index ?? .zero) || !plan.storeSurvives {
            node.store = SimulatedStore(keys: plan.keys, clients: plan.clients)
            if let snapshot, snapshot.metadata.index > .zero { try restore(snapshot, on: node) }
        }
        node.raft = Raft(
            id: node.id, state: state, applied: node.store.index, options: plan.options,
            random: nodeRandom.split())
        node.log = EntryLog(base: snapshot?.metadata.index ?? .zero, baseTerm: snapshot?.metadata.term ?? .zero)
        node.configurations = snapshot.map { [($0.metadata.index, $0.metadata.configuration)] } ?? []
        for entry in state.entries {
            _ = node.log.append(entry)
            if case .configuration(let configuration, _) = entry.payload {
                node.configurations.append((entry.index, configuration))
            }
        }
        node.seenTerm = node.raft?.standing.term ?? .zero
        node.seenCommit = .zero
        if node.seenTerm < node.promisedTerm {
            throw Broken(
                .termsGrow, "\(node.id) starts in term \(node.seenTerm) after it spoke in \(node.promisedTerm)")
        }
        let drift = isHealed ? 0 : plan.driftPerMille
        node.tickTime = FaultPlan.tickTime
        if drift > 0 { node.tickTime += FaultPlan.tickTime * clockRandom.below(UInt64(drift)) / 1_000 }
        note(node, "starts in term \(node.seenTerm), log \(node.log.base)...\(node.log.lastIndex)")
        schedule(.tick(node.index, life: node.life), after: clockRandom.below(node.tickTime))
        try settle(node)
    }

    func crash(_ node: SimulatedNode) throws(Broken) {
        guard node.isUp else { return }
        statistics.crashes += 1
        try guarded(node) { () throws(Broken) in try node.disk.crash(&crashRandom, tears: plan.tearsWrites) }
        node.forget()
        let image = node.disk.image
        note(node, "crashes; on its disk: term \(image.hardState.term), log up to \(image.log.lastIndex)")
        fingerprint.mix(image.log.lastIndex.rawValue)
        schedule(.restart(node.index), after: crashRandom.below(plan.downTime) + 1)
    }

    func restart(_ node: SimulatedNode) throws(Broken) {
        if !node.isUp, !node.isRetired { try start(node) }
    }

    /// Says which node it was.
    func guarded(_ node: SimulatedNode, _ body: () throws(Broken) -> Void) throws(Broken) {
        do {
            try body()
        } catch {
            throw Broken(error.rule, "\(node.id): \(error.message)")
        }
    }

    func tick(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life, node.isUp else { return }
        node.raft?.tick()
        schedule(.tick(node.index, life: life), after: node.tickTime)
        try settle(node)
        if !node.hasDrainScheduled { try judge.examineProgress(node, nodes: nodes) }
    }

    func deliver(_ message: Message) throws(Broken) {
        let node = nodes[Int(message.to.rawValue) - 1]
        guard node.isUp else { return }
        note(node, "gets \(message.text)")
        node.raft?.step(message)
        try settle(node)
    }

    /// After an input: take what is ready, now or a little later.
    func settle(_ node: SimulatedNode) throws(Broken) {
        if nodeRandom.chance(perMille: plan.batchPerMille) {
            guard !node.hasDrainScheduled else { return }
            node.hasDrainScheduled = true
            schedule(.drain(node.index, life: node.life), after: nodeRandom.below(3_000))
        } else {
            try drain(node)
        }
    }

    func drain(_ node: SimulatedNode) throws(Broken) {
        var rounds = 0
        while let ready = node.raft?.nextReady() {
            rounds += 1
            if rounds > 100 { throw Broken(.liveness, "\(node.id) always has something ready") }
            if let standing = ready.standing {
                if standing.role == .leader { statistics.elections += 1 }
                note(
                    node, "is \(standing.role) of term \(standing.term), leader \(standing.leader?.description ?? "?")")
                fingerprint.mix(standing.term.rawValue)
            }
            let committed = judge.lastCommitted
            try judge.examine(node, ready, nodes: nodes)
            if judge.lastCommitted > committed {
                statistics.committed += judge.lastCommitted - committed
                note(node, "commits up to \(judge.lastCommitted)")
                probeDeposed(by: node)
            }
            try carryOut(ready, node)
        }
        dropSnapshots(node)
    }

    /// The parts of a `Ready` in any order, and perhaps not all of them.
    private func carryOut(_ ready: Ready, _ node: SimulatedNode) throws(Broken) {
        var parts = [0, 1, 2, 3, 4]
        if plan.batchPerMille > 0 {
            for place in parts.indices.dropLast() { parts.swapAt(place, place + nodeRandom.below(parts.count - place)) }
        }
        let isCut = crashRandom.chance(perMille: plan.halfwayPerMille)
        let stop = isCut ? crashRandom.below(parts.count) : parts.count
        for (place, part) in parts.enumerated() {
            let isLast = place == stop
            if place > stop { break }
            switch part {
            case 0:
                let count = isLast ? crashRandom.below(ready.messages.count + 1) : ready.messages.count
                for message in ready.messages.prefix(count) { send(message, from: node) }
            case 1:
                if let write = ready.write, !isLast { submit(write, on: node) }
            case 2:
                if let snapshot = ready.restore {
                    try checkRestore(snapshot, node)
                    node.work.append(.restore(snapshot))
                }
                for entry in ready.committed { node.work.append(.entry(entry)) }
                scheduleWork(node)
            case 3:
                if !isLast { try serve(ready, node) }
            default:
                for request in ready.chunkRequests {
                    let slot = chunkRequests.put(request)
                    schedule(.chunk(node.index, life: node.life, slot: slot), after: 20 + nodeRandom.below(500))
                }
                if ready.needsSnapshot { try takeSnapshot(node) }
            }
        }
        if isCut {
            note(node, "stops halfway")
            try crash(node)
        }
    }

    private func send(_ message: Message, from node: SimulatedNode) {
        statistics.messages += 1
        let place = Int(message.to.rawValue) - 1
        guard nodes.indices.contains(place), place != node.index else { return }
        note(node, "sends \(message.text)")
        message.mix(into: &fingerprint)
        let arrivals = network.arrivals(from: node.index, to: place, at: now)
        for time in [arrivals.first, arrivals.second] {
            if let time { queue.schedule(.deliver(messages.put(message)), at: time) }
        }
    }

    private func checkRestore(_ snapshot: SnapshotMetadata, _ node: SimulatedNode) throws(Broken) {
        guard let stored = node.disk.image.snapshot, stored.metadata.index >= snapshot.index else {
            throw Broken(.snapshots, "\(node.id) restores a snapshot of \(snapshot.index) that its disk does not have")
        }
    }

    func scheduleWork(_ node: SimulatedNode) {
        guard !node.work.isEmpty, !node.isApplying else { return }
        node.isApplying = true
        schedule(.apply(node.index, life: node.life), after: nodeRandom.below(2_000))
    }
}
