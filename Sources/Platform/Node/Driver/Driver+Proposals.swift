import ApusPrimitives
import ApusRaft
import NIOCore

// A proposal goes to the core with the node's session and a number. It is repeated when the leader changes, or when it was
// forwarded and nothing was heard of it; wherever copies of it end up in the log, the first one counts (`Sessions`).
extension Driver {
    /// Commands in one message to the core.
    private static let commandsPerBatch = 4_096
    /// Numbers in use at once; how far a session's table may have to look.
    private static let window = 65_536

    func arrived(_ proposals: [ProposalWaiter]) {
        let time = NIODeadline.now().uptimeNanoseconds
        for waiter in proposals {
            if waiter.isCancelled {
                finish(waiter) { $0.fail(.cancelled) }
                continue
            }
            waiter.deadline = now + UInt64(settings.timeoutTicks)
            waiter.arrivedAt = time
            queue.append(waiter)
        }
    }

    /// Proposes what waits, as far as the core takes it.
    func sendProposals() {
        guard raft.standing.leader != nil else { return }
        if isRepeatDue { repeatToNewLeader() }
        guard !queue.isEmpty, let session = openSession() else { return }
        while !queue.isEmpty, outstanding.count < Self.window {
            let batch = queue.batch(
                count: min(Self.commandsPerBatch, Self.window - outstanding.count),
                bytes: settings.raft.maximumMessageBytes)
            let commands = seal(batch, session)
            do throws(Refusal) {
                _ = try raft.propose(commands)
            } catch {
                guard refused(batch, error) else { return }
                continue
            }
            queue.removeFirst(batch.count)
            for waiter in batch {
                waiter.sentAt = now
                outstanding.append(waiter)
            }
        }
    }

    private func seal(_ batch: [ProposalWaiter], _ session: UInt64) -> [Bytes] {
        let first = outstanding.firstSequence
        var sequence = outstanding.nextSequence
        var commands: [Bytes] = []
        commands.reserveCapacity(batch.count)
        for waiter in batch {
            waiter.sequence = sequence
            Envelope.seal(&waiter.envelope, .init(session: session, sequence: sequence, firstWaiting: first))
            commands.append(Bytes(waiter.envelope))
            sequence += 1
        }
        return commands
    }

    /// Whether the refused were dealt with; otherwise they wait for better times.
    private func refused(_ batch: [ProposalWaiter], _ refusal: Refusal) -> Bool {
        switch refusal.code {
        case .storage, .invalid:
            queue.removeFirst(batch.count)
            let error = NodeError(refusal, leader: leader)
            for waiter in batch { finish(waiter) { $0.fail(error) } }
            return true
        default:
            return false
        }
    }

    /// The session to propose in; nil when there is none yet, which is then asked for.
    private func openSession() -> UInt64? {
        switch session {
        case .open(let id): return id
        case .opening: return nil
        case .none:
            // Never from a seed: a node that came back with the session of its predecessor would be told that its
            // proposals were applied already.
            proposeSession(UInt64.random(in: .min ... .max))
            return nil
        }
    }

    /// Refused, it is asked for in the next round.
    private func proposeSession(_ id: UInt64) {
        let command = Envelope.openSession(id, knowing: appliedIndex.rawValue)
        session = (try? raft.propose([command])) == nil ? .none : .opening(id, since: now)
    }

    func sessionApplied(_ id: UInt64) {
        guard case .opening(id, _) = session else { return }
        session = sessions.contains(id) ? .open(id) : .none
    }

    /// The cluster has forgotten this node's session: what was proposed in it and not applied, never will be.
    func sessionLost() {
        session = .none
        queue.putBack(outstanding.removeAll())
    }

    func leaderChanged() {
        if case .opening(let id, _) = session { proposeSession(id) }
        for offset in 0..<outstanding.count { outstanding[offset]?.sentAt = 0 }
        repeatToNewLeader()
        repeatReads()
        leaderChangedForAsks()
    }

    /// The core does not take proposals while the new term is on its way to the disk: then they follow in a later round.
    private func repeatToNewLeader() {
        isRepeatDue = !repeatProposals(sentBefore: 1)
    }

    /// Forwarded proposals of which nothing was heard.
    func repeatProposals() {
        let patience = UInt64(2 * settings.raft.electionTicks)
        guard now > patience, raft.standing.leader != nil else { return }
        if case .opening(let id, let since) = session, since + patience <= now {
            proposeSession(id)
        }
        if raft.standing.role != .leader, let first = outstanding.first, first.sentAt + patience <= now {
            _ = repeatProposals(sentBefore: now - patience + 1)
        }
    }

    /// Whether the core took all of them.
    private func repeatProposals(sentBefore limit: UInt64) -> Bool {
        var commands: [Bytes] = []
        var waiters: [ProposalWaiter] = []
        var size = 0
        func propose() -> Bool {
            defer { (commands, waiters, size) = ([], [], 0) }
            guard (try? raft.propose(commands)) != nil else { return false }
            for waiter in waiters { waiter.sentAt = now }
            return true
        }
        for offset in 0..<outstanding.count {
            guard let waiter = outstanding[offset], waiter.sentAt < limit else { continue }
            if size + waiter.size > settings.raft.maximumMessageBytes, !commands.isEmpty, !propose() { return false }
            commands.append(Bytes(waiter.envelope))
            waiters.append(waiter)
            size += waiter.size
        }
        return commands.isEmpty || propose()
    }

    func expireProposals() {
        while let waiter = outstanding.first, waiter.deadline <= now, outstanding.remove(waiter.sequence) != nil {
            let error = NodeError(
                .timeout, "the proposal was not applied within \(settings.timeoutTicks) ticks",
                retry: .after(.milliseconds(100)), mayHaveHappened: true, leader: leader)
            finish(waiter) { $0.fail(error) }
        }
        while let waiter = queue.first, waiter.deadline <= now {
            _ = queue.popFirst()
            finish(waiter) { $0.fail(unproposed()) }
        }
    }

    private func unproposed() -> NodeError {
        raft.standing.leader == nil
            ? NodeError(.noLeader, "nobody led the cluster in time", retry: .after(.milliseconds(100)))
            : NodeError(.timeout, "the leader took no more proposals in time", retry: .after(.milliseconds(100)))
    }

    func cancel(_ waiter: ProposalWaiter) {
        waiter.isCancelled = true
        let isOutstanding = outstanding.remove(waiter.sequence, if: { $0 === waiter })
        if isOutstanding || queue.remove(waiter) { finish(waiter) { $0.fail(.cancelled) } }
    }

    /// Answers, and counts it.
    func finish(_ waiter: ProposalWaiter, _ answer: (ProposalWaiter) -> Void) {
        finished += 1
        finishedBytes += waiter.size
        answer(waiter)
    }

    func endProposals(_ error: NodeError) {
        var unknown = error
        unknown.mayHaveHappened = true
        for waiter in outstanding.removeAll() { waiter.fail(unknown) }
        while let waiter = queue.popFirst() { waiter.fail(error) }
        endChanges(unknown)
    }
}
