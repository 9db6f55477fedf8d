import ApusPrimitives
import ApusRaft

/// What the plan has go wrong, until the faults end.
extension Simulation {
    func scheduleTroubles() {
        let troubles: [(Trouble, UInt64?)] = [
            (.cut, plan.cutEvery), (.crash, plan.crashEvery), (.fullDisk, plan.fullEvery), (.jump, plan.jumpEvery),
            (.memberChange, plan.memberChangeEvery), (.transfer, plan.transferEvery), (.load, plan.loadEvery),
            (.coup, plan.coupEvery),
        ]
        for case (let trouble, let mean?) in troubles { scheduleTrouble(trouble, mean) }
    }

    private func scheduleTrouble(_ trouble: Trouble, _ mean: UInt64) {
        schedule(.trouble(trouble), after: 1 + troubleRandom.below(2 * mean))
    }

    func cause(_ trouble: Trouble) throws(Broken) {
        guard !isHealed else { return }
        fingerprint.mix(trouble.rawValue)
        switch trouble {
        case .cut: cut()
        case .crash: try crash()
        case .fullDisk: try fill(nodes[troubleRandom.below(nodes.count)])
        case .jump: try jump(nodes[troubleRandom.below(nodes.count)])
        case .memberChange: try changeMembers()
        case .transfer: try transfer()
        case .coup: try overthrow()
        case .load:
            // Also at a leader that nobody hears: what it takes is what others will have otherwise.
            let leader = troubleRandom.oneIn(2) ? troubleRandom.pick(nodes.filter(\.isLeader)) : nil
            try load(leader ?? nodes[troubleRandom.below(nodes.count)])
        }
        let mean =
            switch trouble {
            case .cut: plan.cutEvery
            case .crash: plan.crashEvery
            case .fullDisk: plan.fullEvery
            case .jump: plan.jumpEvery
            case .memberChange: plan.memberChangeEvery
            case .transfer: plan.transferEvery
            case .load: plan.loadEvery
            case .coup: plan.coupEvery
            }
        if let mean { scheduleTrouble(trouble, mean) }
    }

    private func cut() {
        let links = network.drawCut(nodes: nodes.count, leader: currentLeader?.index)
        guard !links.isEmpty else { return }
        note(nil, "\(links.count) links are cut")
        network.cut(links)
        schedule(.mend(slot: cuts.put(links)), after: 1 + troubleRandom.below(2 * plan.cutTime))
    }

    /// Some transports notice that a connection was lost, when it comes back at the latest.
    func mend(_ links: [Int]) throws(Broken) {
        network.mend(links)
        guard troubleRandom.oneIn(2) else { return }
        for link in links {
            let (from, to) = network.ends(of: link)
            guard nodes[from].isUp else { continue }
            nodes[from].raft?.peerUnreachable(nodes[to].id)
            try settle(nodes[from])
        }
    }

    /// One node, or now and then some of them at once: a power failure.
    private func crash() throws(Broken) {
        guard troubleRandom.oneIn(8) else { return try crash(nodes[troubleRandom.below(nodes.count)]) }
        for node in nodes where !troubleRandom.oneIn(4) { try crash(node) }
    }

    private func fill(_ node: SimulatedNode) throws(Broken) {
        guard node.isUp else { return }
        note(node, "has no room on its disk")
        // What is under way fits into the space that was set aside, or waits for room.
        node.isBlocked = troubleRandom.oneIn(3)
        node.raft?.storageBecame(writable: false)
        schedule(.roomAgain(node.index, life: node.life), after: 1 + troubleRandom.below(2 * plan.fullTime))
        try settle(node)
    }

    /// The process stood still, or its clock was set: many ticks at once.
    private func jump(_ node: SimulatedNode) throws(Broken) {
        guard node.isUp else { return }
        let ticks = troubleRandom.number(2...40)
        note(node, "has a clock that jumps \(ticks) ticks")
        for _ in 0..<ticks {
            node.raft?.tick()
            if troubleRandom.oneIn(4) { try settle(node) }
            if !node.isUp { return }
        }
        try settle(node)
    }

    private func load(_ node: SimulatedNode) throws(Broken) {
        guard node.isUp else { return }
        var commands: [Bytes] = []
        for _ in 0..<troubleRandom.number(1...10) {
            nextLoad += 1
            let command = Command(client: Command.load, sequence: nextLoad, key: 0, input: .read)
            commands.append(command.encoded(padding: troubleRandom.below(100)))
        }
        do {
            _ = try node.raft?.propose(commands)
        } catch {
            note(node, "refuses load: \(error)")
        }
        try settle(node)
    }

    /// Whoever leads the latest term.
    var currentLeader: SimulatedNode? {
        nodes.filter(\.isLeader).max { $0.seenTerm < $1.seenTerm }
    }

    private func transfer() throws(Broken) {
        if troubleRandom.oneIn(4) { return try campaign(nodes[troubleRandom.below(nodes.count)]) }
        guard let leader = currentLeader, let target = troubleRandom.pick(leader.configuration?.voters ?? []) else {
            return
        }
        do {
            try leader.raft?.transferLeadership(to: target)
            statistics.transfers += 1
            note(leader, "hands over to \(target)")
        } catch {
            note(leader, "does not hand over to \(target): \(error)")
        }
        try settle(leader)
    }

    func campaign(_ node: SimulatedNode) throws(Broken) {
        guard node.isUp else { return }
        note(node, "is told to campaign")
        node.raft?.campaign()
        try settle(node)
    }

    /// The leader hears nothing for a while, or hears it late, and at the same time it hands over, or somebody is told to
    /// campaign, or all others restart and are. A leader that trusts what it heard before still answers.
    private func overthrow() throws(Broken) {
        guard let leader = currentLeader else { return }
        note(leader, "is overthrown")
        let links = network.links(to: leader.index, nodes: nodes.count)
        let time: UInt64 = 20_000 + troubleRandom.below(150_000)
        if troubleRandom.oneIn(2) {
            network.cut(links)
            schedule(.mend(slot: cuts.put(links)), after: time)
        } else {
            network.hold(links, until: now + time)
        }
        switch troubleRandom.below(3) {
        case 0:
            try transfer()
            return
        case 1:
            for node in nodes where node !== leader && node.isUp {
                try crash(node)
                schedule(.restart(node.index), after: 500 + troubleRandom.below(3_000))
            }
        default: break
        }
        for _ in 0..<2 { schedule(.campaign(troubleRandom.below(nodes.count)), after: troubleRandom.below(30_000)) }
    }

    // MARK: Members

    private func changeMembers() throws(Broken) {
        guard let leader = currentLeader else { return }
        // What is ready belongs to the old members.
        try drain(leader)
        guard leader.isLeader, let configuration = leader.configuration else { return }
        for _ in 0..<(troubleRandom.oneIn(4) ? 2 : 1) {
            let change =
                configuration.isJoint && troubleRandom.oneIn(2) ? .leaveJoint : try drawChange(configuration)
            do {
                _ = try leader.raft?.propose(change)
                statistics.memberChanges += 1
                note(leader, "is asked for \(change.text)")
            } catch {
                note(leader, "refuses \(change.text): \(error)")
            }
        }
        try settle(leader)
        try retire(leader)
    }

    private func drawChange(_ configuration: Configuration) throws(Broken) -> ConfigurationChange {
        let members = nodes.filter { configuration.contains($0.id) }
        var steps: [ConfigurationChange.Step] = []
        for _ in 0..<[1, 1, 1, 2, 2, 3][troubleRandom.below(6)] {
            switch troubleRandom.below(8) {
            case 0...2: if let id = try newcomer(configuration) { steps.append(.addVoter(id)) }
            case 3: if let id = try newcomer(configuration) { steps.append(.addLearner(id)) }
            case 4: if let id = troubleRandom.pick(configuration.learners) { steps.append(.addVoter(id)) }
            case 5: if let id = troubleRandom.pick(configuration.voters) { steps.append(.addLearner(id)) }
            default:
                // The more there are, the more go.
                if members.count > troubleRandom.number(1...6), let node = troubleRandom.pick(members) {
                    steps.append(.remove(node.id))
                }
            }
        }
        return ConfigurationChange(steps, leaving: troubleRandom.oneIn(4) ? .explicit : .automatic)
    }

    /// Somebody who is no member: a fresh node, or one who was a member before, with the disk that it had.
    private func newcomer(_ configuration: Configuration) throws(Broken) -> NodeID? {
        guard configuration.voters.count + configuration.learners.count < 7 else { return nil }
        if nodes.count < FaultPlan.maximumNodes, troubleRandom.oneIn(2) {
            let node = addNode(first: nil)
            try start(node)
            return node.id
        }
        guard let node = troubleRandom.pick(nodes.filter { !configuration.contains($0.id) }) else { return nil }
        node.isRetired = false
        try restart(node)
        return node.id
    }

    /// An operator turns off, sooner or later, who is no member any more.
    private func retire(_ leader: SimulatedNode) throws(Broken) {
        guard let last = leader.configurations.last, last.index <= leader.seenCommit, troubleRandom.oneIn(2) else {
            return
        }
        for node in nodes where node.isUp && !last.configuration.contains(node.id) && troubleRandom.oneIn(3) {
            try retire(node, because: last.configuration)
        }
    }

    func retire(_ node: SimulatedNode, because configuration: Configuration) throws(Broken) {
        note(node, "is turned off: \(configuration.text)")
        try guarded(node) { () throws(Broken) in try node.disk.crash(&crashRandom, tears: plan.tearsWrites) }
        node.forget()
        node.isRetired = true
    }
}
