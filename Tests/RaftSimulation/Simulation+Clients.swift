import ApusPrimitives
import ApusRaft

/// What clients ask, of whom, and what they hear.
extension Simulation {
    func begin(_ index: Int) {
        guard clients[index].operation == nil, clients[index].left > 0 else { return }
        clients[index].left -= 1
        clients[index].sequence += 1
        let isRead = clientRandom.chance(perMille: plan.readPerMille)
        let value = UInt64(index) << 32 | UInt64(clients[index].sequence)
        let input: Register.Input = isRead ? .read : clientRandom.oneIn(4) ? .write(value) : .mix(value)
        clients[index].operation = history.count
        history.append(
            Operation(client: index, key: clientRandom.below(plan.keys), input: input, invoked: now))
        ask(index)
    }

    /// Asks the one who is taken for the leader, or anybody.
    private func ask(_ index: Int) {
        clients[index].attempt += 1
        let attempt = clients[index].attempt
        let node = clientRandom.oneIn(3) ? nil : clients[index].leader
        let target = node ?? clientRandom.below(nodes.count)
        schedule(.request(client: index, attempt: attempt, node: target), after: 20 + clientRandom.below(500))
        schedule(.timeout(client: index, attempt: attempt), after: 50_000 + clientRandom.below(300_000))
    }

    func request(_ index: Int, _ attempt: Int, _ node: SimulatedNode) throws(Broken) {
        guard clients[index].attempt == attempt, let place = clients[index].operation, node.isUp else { return }
        let operation = history[place]
        do {
            try hand(operation, of: index, to: node)
        } catch {
            note(node, "refuses client \(index): \(error)")
            let leader = error.leader.map { Int($0.rawValue) - 1 }
            schedule(.refused(client: index, attempt: attempt, leader: leader), after: 20 + clientRandom.below(500))
        }
        try settle(node)
    }

    private func hand(_ operation: Operation, of index: Int, to node: SimulatedNode) throws(Refusal) {
        let sequence = clients[index].sequence
        guard operation.input != .read else {
            nextRead += 1
            let isLease = clientRandom.chance(perMille: plan.leaseReadPerMille)
            note(node, "is asked by client \(index) to read \(nextRead)\(isLease ? " by lease" : "")")
            if isLease { statistics.leaseReads += 1 } else { statistics.quorumReads += 1 }
            node.reads[nextRead] = .init(
                client: index, sequence: sequence, key: operation.key, floor: judge.lastCommitted)
            do {
                try node.raft?.read(ReadID(nextRead), mode: isLease ? .lease : .quorum)
            } catch {
                node.reads[nextRead] = nil
                throw error
            }
            return
        }
        if let output = node.store.answer(to: index, sequence) {
            answer(index, sequence, output, by: node)
            return
        }
        let command = Command(
            client: UInt32(index), sequence: sequence, key: UInt32(operation.key), input: operation.input)
        note(node, "is asked by client \(index) for command \(sequence)")
        _ = try node.raft?.propose([command.encoded(padding: clientRandom.below(40))])
        node.awaited[index] = sequence
    }

    func answerWrite(_ command: Command, _ node: SimulatedNode) {
        let client = Int(command.client)
        guard node.awaited[client] == command.sequence, let output = node.store.answer(to: client, command.sequence)
        else { return }
        node.awaited[client] = nil
        answer(client, command.sequence, output, by: node)
    }

    private func answer(_ client: Int, _ sequence: UInt32, _ output: UInt64, by node: SimulatedNode) {
        schedule(
            .answer(client: client, sequence: sequence, output: output, node: node.index),
            after: 20 + clientRandom.below(500))
    }

    // MARK: Reads

    /// Somebody asks who still takes itself for the leader, just when another one has committed something.
    func probeDeposed(by leader: SimulatedNode) {
        for node in nodes where node !== leader && node.isLeader {
            schedule(.probe(node.index, life: node.life), after: 1)
            schedule(.probe(node.index, life: node.life), after: clientRandom.below(20_000))
        }
    }

    /// A read that is no client's: what it is answered is checked against what was committed, and nothing more.
    func probe(_ node: SimulatedNode, _ life: Int) throws(Broken) {
        guard node.life == life, node.isUp else { return }
        nextRead += 1
        let isLease = clientRandom.chance(perMille: plan.leaseReadPerMille)
        note(node, "is probed by read \(nextRead)\(isLease ? " by lease" : "")")
        node.reads[nextRead] = .init(client: nil, sequence: 0, key: 0, floor: judge.lastCommitted)
        do {
            try node.raft?.read(ReadID(nextRead), mode: isLease ? .lease : .quorum)
        } catch {
            node.reads[nextRead] = nil
        }
        try settle(node)
    }

    func serve(_ ready: Ready, _ node: SimulatedNode) throws(Broken) {
        for id in ready.refusedReads {
            guard let read = node.reads.removeValue(forKey: id.rawValue), let client = read.client,
                clients[client].sequence == read.sequence
            else { continue }
            let attempt = clients[client].attempt
            schedule(.refused(client: client, attempt: attempt, leader: nil), after: 20 + clientRandom.below(500))
        }
        for answer in ready.reads {
            guard let read = node.reads.removeValue(forKey: answer.id.rawValue) else {
                throw Broken(.reads, "\(node.id) answers the read \(answer.id.rawValue), which nobody waits for")
            }
            note(node, "may serve read \(answer.id.rawValue) at \(answer.index)")
            if answer.index < read.floor {
                throw Broken(
                    .reads,
                    "\(node.id) serves a read at \(answer.index), and \(read.floor) was committed when it was asked for"
                )
            }
            node.readsToServe.append((answer.index, read))
        }
        serveReads(node)
    }

    func serveReads(_ node: SimulatedNode) {
        guard !node.readsToServe.isEmpty else { return }
        let applied = node.store.index
        for waiting in node.readsToServe where waiting.index <= applied {
            if let client = waiting.read.client {
                answer(client, waiting.read.sequence, node.store.value(of: waiting.read.key), by: node)
            }
        }
        node.readsToServe.removeAll { $0.index <= applied }
    }

    // MARK: What the client hears

    func answered(_ index: Int, _ sequence: UInt32, _ output: UInt64, by node: Int) {
        guard clients[index].sequence == sequence, let place = clients[index].operation else { return }
        history[place].output = output
        history[place].returned = now
        fingerprint.mix(output)
        note(nil, history[place].description)
        clients[index].operation = nil
        clients[index].attempt += 1
        if nodes[node].isLeader { clients[index].leader = node }
        schedule(.begin(client: index), after: clientRandom.below(isHealed ? 20_000 : 60_000))
    }

    func refused(_ index: Int, _ attempt: Int, _ leader: Int?) {
        guard clients[index].attempt == attempt, clients[index].operation != nil else { return }
        clients[index].leader = leader.flatMap { nodes.indices.contains($0) ? $0 : nil }
        // Counted as an attempt now, so that the timeout of the refused one does nothing.
        clients[index].attempt += 1
        schedule(.timeout(client: index, attempt: clients[index].attempt), after: 2_000 + clientRandom.below(30_000))
    }

    func timedOut(_ index: Int, _ attempt: Int) {
        guard clients[index].attempt == attempt, clients[index].operation != nil else { return }
        // Some give up. What they asked for may still happen.
        if !isHealed, clientRandom.oneIn(20) {
            clients[index].operation = nil
            schedule(.begin(client: index), after: 1)
            return
        }
        if clientRandom.oneIn(2) { clients[index].leader = nil }
        ask(index)
    }
}
