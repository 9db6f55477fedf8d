import ApusPrimitives
public import ApusRaft

extension ReplicatedNode {
    /// Proposes a command; waits for a leader, if there is none, and until the command is applied on this node.
    ///
    /// - Returns: what `StateMachine.apply` returned here.
    /// - Throws: `NodeError`; `CancellationError` when the task is cancelled, and then nobody knows whether the command takes
    ///   effect.
    public func propose(_ command: some Collection<UInt8> & Sendable) async throws -> Machine.Answer {
        try check(command.count)
        let waiter = AnswerWaiter<Machine.Answer>(command)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                waiter.then = { continuation.resume(with: $0.mapError(\.thrown)) }
                submit(waiter)
            }
        } onCancel: {
            inbox.add { $0.cancel(waiter) }
        }
    }

    /// Proposes a command, without a task.
    ///
    /// - Parameter then: gets what `StateMachine.apply` returned here, once, on the node's event loop, where it must not wait; what
    ///   is refused at once is told on the caller's thread.
    public func propose(
        _ command: some Collection<UInt8> & Sendable,
        then: @escaping @Sendable (Result<Machine.Answer, NodeError>) -> Void
    ) {
        do throws(NodeError) {
            try check(command.count)
        } catch {
            return then(.failure(error))
        }
        submit(AnswerWaiter(command, then: then))
    }

    private func check(_ commandBytes: Int) throws(NodeError) {
        guard commandBytes <= settings.maximumCommandBytes else {
            throw NodeError(
                .invalidRequest, "a command of \(commandBytes) bytes, more than \(settings.maximumCommandBytes)")
        }
    }

    private func submit(_ waiter: ProposalWaiter) {
        do throws(NodeError) {
            try inbox.add(waiter)
        } catch {
            waiter.fail(error)
        }
    }

    /// Reads the state linearizably: it has everything that was answered, on any node, before this call.
    ///
    /// - Parameters:
    ///   - mode: `.quorum` asks a majority whether the leader still leads; `.lease` trusts the clocks instead, and costs no
    ///     round trip at the leader.
    ///   - body: runs on the node's event loop and must not wait for anything.
    /// - Throws: `NodeError`, `CancellationError`.
    public func read<Value: Sendable>(
        _ mode: ReadMode = .quorum, _ body: @escaping @Sendable (Machine) -> Value
    ) async throws -> Value {
        try await see(mode, body)
    }

    /// Reads the state linearizably, without a task. All reads that wait at the same time share one round.
    ///
    /// - Parameter body: gets the state once, on the node's event loop, where it must not wait; what is refused at once is told on
    ///   the caller's thread. Who keeps a copy of the machine makes its next write copy what they share.
    public func read(_ mode: ReadMode = .quorum, then body: @escaping @Sendable (Result<Machine, NodeError>) -> Void) {
        submit(MachineReader(mode: mode, then: body))
    }

    /// Makes sure that this node leads still, by a round that a majority answers. Needs neither the disk nor anything applied: it
    /// works while the disk hangs, where `read` may have to wait.
    ///
    /// - Parameter body: gets the state as it is here, which may be behind, once, on the node's event loop; or `.notLeader`.
    public func confirmLeadership(then body: @escaping @Sendable (Result<Machine, NodeError>) -> Void) {
        submit(MachineReader(mode: .quorum, isConfirmation: true, then: body))
    }

    private func see<Value: Sendable>(
        _ mode: ReadMode?, _ body: @escaping @Sendable (Machine) -> Value
    ) async throws -> Value {
        let waiter = MachineReader<Machine>(mode: mode)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiter.then = { continuation.resume(with: $0.map(body).mapError(\.thrown)) }
                submit(waiter)
            }
        } onCancel: {
            inbox.add { $0.cancel(waiter) }
        }
    }

    private func submit(_ waiter: ReadWaiter) {
        do throws(NodeError) {
            try inbox.add(waiter)
        } catch {
            waiter.fail(error)
        }
    }

    /// Reads the state as it is on this node, which may be behind by any amount.
    ///
    /// - Throws: `NodeError`: `.overloaded`, `.stopped` or what the node ended with; `CancellationError`.
    public func readLocally<Value: Sendable>(_ body: @escaping @Sendable (Machine) -> Value) async throws -> Value {
        try await see(nil, body)
    }

    /// As `read(_:then:)`, of the state as it is on this node, which may be behind by any amount.
    public func readLocally(then body: @escaping @Sendable (Result<Machine, NodeError>) -> Void) {
        submit(MachineReader(mode: nil, then: body))
    }

    /// Asks the application on the node that leads, which may be this one, something that is not replicated: its
    /// `NodeObserver.answer`. Waits for a leader and for a connection to it, and is then sent once.
    ///
    /// - Parameters:
    ///   - request: at most `NodeSettings.maximumCommandBytes`, as the answer.
    ///   - then: gets the answer once, on the node's event loop, where it must not wait; what is refused at once is told on the
    ///     caller's thread. An error has `mayHaveHappened` when the request may have reached a leader that did not answer.
    public func askLeader(_ request: [UInt8], then: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void) {
        do throws(NodeError) {
            try check(request.count)
            try inbox.add(AskWaiter(.application, request, then: then))
        } catch {
            then(.failure(error))
        }
    }

    /// As `askLeader(_:then:)`.
    ///
    /// - Throws: `NodeError`, `CancellationError`.
    public func askLeader(_ request: [UInt8]) async throws -> [UInt8] {
        try await askLeader(.application, request)
    }

    private func askLeader(_ kind: PeerCall.Kind, _ request: [UInt8]) async throws -> [UInt8] {
        try check(request.count)
        let waiter = AskWaiter(kind, request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiter.then = { continuation.resume(with: $0.mapError(\.thrown)) }
                do throws(NodeError) {
                    try inbox.add(waiter)
                } catch {
                    waiter.finish(.failure(error))
                }
            }
        } onCancel: {
            inbox.add { $0.cancel(waiter) }
        }
    }

    /// Lets `target` lead instead of the node that leads. Returns when this node knows that it does.
    ///
    /// - Parameter forwarding: a node that does not lead asks the one that does; when false it throws `.notLeader`.
    /// - Throws: `NodeError`: `.timeout` when `target` did not take over within an election's time, `.invalidRequest` when it
    ///   can't lead; `CancellationError`.
    public func transferLeadership(to target: NodeID, forwarding: Bool = true) async throws {
        let tick: Duration = if case .every(let interval) = settings.ticks { interval } else { .milliseconds(100) }
        try await transferLeadership(
            to: target, forwarding: forwarding, ticks: 2 * settings.raft.electionTicks, tick: tick)
    }

    func transferLeadership(to target: NodeID, forwarding: Bool, ticks: Int, tick: Duration) async throws {
        let from = standing
        if forwarding, from.role != .leader {
            var request = ByteWriter()
            request.write(target.rawValue)
            _ = try await askLeader(.transfer, request.bytes)
        } else if let error = try await ask({ $0.transferLeadership(to: target) }) {
            throw error
        }
        let end = ContinuousClock.now + tick * ticks
        while standing.leader != target, ContinuousClock.now < end {
            guard standing.role == .leader || standing.leader == nil || standing.leader == from.leader else { break }
            try await Task.sleep(for: .milliseconds(2))
        }
        guard standing.leader == target else {
            throw NodeError(
                .timeout, "node \(target) does not lead", retry: .after(.milliseconds(100)), mayHaveHappened: true)
        }
    }

    /// Changes the members, wherever the leader is: several at once go through a joint configuration. Returns when the new
    /// configuration is committed, and the joint one left.
    ///
    /// Adding a member first as a learner, and promoting it when it has caught up, keeps a new node without data from holding up
    /// commits.
    ///
    /// - Throws: `NodeError`: `.changeUnderWay`; `.removed` for a number that was used before; `.learnerBehind`;
    ///   `.invalidRequest`; `.noLeader` and `.timeout`. `CancellationError`, and then nobody knows whether it takes effect.
    public func change(_ changes: [MemberChange]) async throws {
        _ = try await askLeader(.change, MemberChange.encode(changes))
    }

    /// Takes a snapshot now, whatever the size of the log; returns when it is stored.
    public func takeSnapshot() async throws {
        try await ask { (driver: Driver, answer: @escaping @Sendable (Result<Void, NodeError>) -> Void) in
            driver.takeSnapshot { error in answer(error.map { .failure($0) } ?? .success(())) }
        }
    }

    /// A look at the node.
    public var status: NodeStatus {
        get async throws { try await ask { NodeStatus($0) } }
    }

    /// Asks the driver something that it answers at once.
    private func ask<Value: Sendable>(_ body: @escaping @Sendable (Driver) -> Value) async throws -> Value {
        try await ask { driver, answer in answer(.success(body(driver))) }
    }

    private func ask<Value: Sendable>(
        _ body: @escaping @Sendable (Driver, @escaping @Sendable (Result<Value, NodeError>) -> Void) -> Void
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            inbox.add(
                Inbox.Task(
                    run: { body($0) { continuation.resume(with: $0.mapError { $0 }) } },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }
}
