import ApusPrimitives
import ApusRaft

// What the leader is asked beside the log. A request goes out once: where it may have arrived and no answer came, its caller is
// told so.
extension Driver {
    func arrived(_ new: [AskWaiter]) {
        let deadline = now + UInt64(settings.timeoutTicks)
        for ask in new {
            if ask.isCancelled {
                finish(ask, .failure(.cancelled))
                continue
            }
            ask.deadline = deadline
            unsentAsks.append(ask)
        }
        sendAsks()
    }

    /// What is not sent yet, as far as there is a leader and a connection to it.
    func sendAsks() {
        guard !unsentAsks.isEmpty, let leader = raft.standing.leader else { return }
        let waiting = unsentAsks
        unsentAsks = []
        for (place, ask) in waiting.enumerated() {
            nextAskNumber &+= 1
            ask.number = nextAskNumber
            ask.target = leader
            let body = PeerCall.Body.request(ask.kind, ask.request)
            let call = PeerCall(from: id, to: leader, number: ask.number, body: body)
            sentAsks[ask.number] = ask
            if leader == id {
                serve(call)
            } else if !transport.send(call) {
                sentAsks[ask.number] = nil
                ask.target = nil
                unsentAsks += waiting[place...]
                return
            }
        }
    }

    func received(_ calls: [PeerCall]) {
        for call in calls where call.to == id {
            switch call.body {
            case .request: serve(call)
            case .answer(let result): answered(call.number, by: call.from, result)
            }
        }
    }

    // MARK: The one that is asked

    private func serve(_ call: PeerCall) {
        guard case .request(let kind, let bytes) = call.body else { return }
        let reply: @Sendable (Result<[UInt8], NodeError>) -> Void = { [inbox] result in
            inbox.add { driver in
                driver.servedCalls -= 1
                driver.answer(call, result)
            }
        }
        guard servedCalls < settings.maximumWaiting else {
            return answer(
                call,
                .failure(
                    NodeError(
                        .overloaded, "the leader works on \(servedCalls) requests already",
                        retry: .after(.milliseconds(50)))))
        }
        servedCalls += 1
        guard raft.standing.role == .leader else {
            return reply(.failure(NodeError(.notLeader, "node \(id) does not lead", retry: soon, leader: leader)))
        }
        switch kind {
        case .application: machine.answer(bytes, reply)
        case .change:
            do throws(NodeError) {
                change(try MemberChange.decode(bytes)) { reply($0.map { [] }) }
            } catch {
                reply(.failure(error))
            }
        case .transfer:
            var reader = ByteReader(bytes)
            let target = NodeID((try? reader.read(UInt64.self)) ?? 0)
            reply(transferLeadership(to: target).map { .failure($0) } ?? .success([]))
        }
    }

    private func answer(_ call: PeerCall, _ result: Result<[UInt8], NodeError>) {
        var result = result
        if case .success(let bytes) = result, bytes.count > settings.maximumCommandBytes {
            result = .failure(
                NodeError(
                    .invalidRequest, "an answer of \(bytes.count) bytes, more than \(settings.maximumCommandBytes)",
                    mayHaveHappened: true))
        }
        if call.from == id { return answered(call.number, by: id, result) }
        // Lost with its connection, it is missed by who asked.
        _ = transport.send(PeerCall(from: id, to: call.from, number: call.number, body: .answer(result)))
    }

    // MARK: The one that asked

    private func answered(_ number: UInt64, by peer: NodeID, _ result: Result<[UInt8], NodeError>) {
        guard let ask = sentAsks[number], ask.target == peer else { return }
        sentAsks[number] = nil
        guard case .failure(let error) = result, error.code == .notLeader, !error.mayHaveHappened else {
            return finish(ask, result)
        }
        // It did nothing with it: another one may. Not before the next tick, for this node may be the last one to know.
        ask.target = nil
        refusedAsks.append(ask)
    }

    /// Asked again at the next tick, or when there is another leader.
    func repeatAsks() {
        unsentAsks = refusedAsks + unsentAsks
        refusedAsks = []
        sendAsks()
    }

    /// Who was asked last does not lead any more. A change of members comes to its end wherever it began.
    func leaderChangedForAsks() {
        endAsks("the leader changed before it answered") {
            $0.target != raft.standing.leader && $0.kind == .application
        }
        repeatAsks()
    }

    /// What was sent to `peer` may not have arrived, or its answers may not.
    func callsLost(_ peer: NodeID) {
        endAsks("the connection to the leader was lost before it answered") { $0.target == peer }
    }

    /// `peer` is no member any more: it has no connection left on which it could answer. Who asked it to remove it sees that it did.
    func askedIsRemoved(_ peer: NodeID) {
        for ask in sentAsks.values.sorted(by: { $0.number < $1.number }) {
            guard ask.target == peer, ask.kind == .change, let changes = try? MemberChange.decode(ask.request),
                changes.allSatisfy({ $0.isRemoval(of: book.removed.contains) })
            else { continue }
            sentAsks[ask.number] = nil
            finish(ask, .success([]))
        }
        callsLost(peer)
    }

    private func endAsks(_ reason: String, where isConcerned: (AskWaiter) -> Bool) {
        let lost = sentAsks.values.filter { $0.target != id && isConcerned($0) }.sorted { $0.number < $1.number }
        for ask in lost {
            sentAsks[ask.number] = nil
            finish(
                ask, .failure(NodeError(.notLeader, reason, retry: soon, mayHaveHappened: true, leader: leader)))
        }
    }

    func expireAsks() {
        repeatAsks()
        let late = sentAsks.values.filter { $0.deadline <= now }.sorted { $0.number < $1.number }
        for ask in late {
            sentAsks[ask.number] = nil
            finish(
                ask,
                .failure(
                    NodeError(
                        .timeout, "the leader did not answer within \(settings.timeoutTicks) ticks", retry: soon,
                        mayHaveHappened: true, leader: leader)))
        }
        guard unsentAsks.contains(where: { $0.deadline <= now }) else { return }
        for ask in unsentAsks where ask.deadline <= now {
            let error =
                raft.standing.leader == nil
                ? NodeError(.noLeader, "nobody led the cluster in time", retry: soon)
                : NodeError(.timeout, "there was no connection to the leader", retry: soon, leader: leader)
            finish(ask, .failure(error))
        }
        unsentAsks.removeAll { $0.isDone }
    }

    func cancel(_ ask: AskWaiter) {
        ask.isCancelled = true
        guard ask.deadline > 0 else { return }
        sentAsks[ask.number] = nil
        finish(ask, .failure(.cancelled))
        unsentAsks.removeAll { $0.isDone }
        refusedAsks.removeAll { $0.isDone }
    }

    func endAsks(_ error: NodeError) {
        var unknown = error
        unknown.mayHaveHappened = true
        for ask in sentAsks.values.sorted(by: { $0.number < $1.number }) { ask.finish(.failure(unknown)) }
        for ask in unsentAsks + refusedAsks { ask.finish(.failure(error)) }
        (sentAsks, unsentAsks, refusedAsks) = ([:], [], [])
    }

    private func finish(_ ask: AskWaiter, _ result: Result<[UInt8], NodeError>) {
        if ask.isDone { return }
        finished += 1
        finishedBytes += ask.request.count
        ask.finish(result)
    }

    private var soon: RetryAdvice { .after(.milliseconds(100)) }
}
