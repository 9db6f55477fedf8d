import ApusRaft

/// A state machine whose type the driver need not know.
protocol MachineHost: AnyObject {
    func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, term: Term, for waiter: ProposalWaiter?)

    /// Shows the state as it is to all of `readers`.
    func serve(_ readers: [ReadWaiter])

    /// What the application's observer is told.
    func applied(through index: LogIndex, term: Term)
    func restored(at index: LogIndex)
    func standingChanged(_ standing: Standing)
    func answer(_ request: [UInt8], _ reply: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void)

    /// Writes the state as it is now, later and elsewhere.
    func frozen() -> @Sendable (inout SnapshotOutput) throws -> Void

    /// Makes another machine from a snapshot, elsewhere; `install` takes it.
    func restorer() -> @Sendable (inout SnapshotInput) throws -> any StateMachine

    func install(_ machine: any StateMachine)
}

final class TypedMachine<Machine: StateMachine>: MachineHost {
    private(set) var machine: Machine
    private let original: Machine
    private let observer: (any NodeObserver<Machine>)?

    init(_ machine: Machine, observer: (any NodeObserver<Machine>)?) {
        self.machine = machine
        self.observer = observer
        original = machine
    }

    func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, term: Term, for waiter: ProposalWaiter?) {
        let answer = machine.apply(command, at: index, term: term)
        if let waiter { unsafeDowncast(waiter, to: AnswerWaiter<Machine.Answer>.self).succeed(answer) }
    }

    func serve(_ readers: [ReadWaiter]) {
        // One for all of them, and gone when the next command is applied: that finds the machine's storage its own.
        let seen = Result<Machine, NodeError>.success(machine)
        for reader in readers { unsafeDowncast(reader, to: MachineReader<Machine>.self).finish(seen) }
    }

    func applied(through index: LogIndex, term: Term) {
        observer?.applied(machine, through: index, term: term)
    }

    func restored(at index: LogIndex) { observer?.restored(machine, at: index) }

    func standingChanged(_ standing: Standing) { observer?.standingChanged(standing) }

    func answer(_ request: [UInt8], _ reply: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void) {
        guard let observer else {
            return reply(.failure(NodeError(.invalidRequest, "this node's application answers no requests")))
        }
        observer.answer(request, reply)
    }

    func frozen() -> @Sendable (inout SnapshotOutput) throws -> Void {
        let copy = machine
        return { try copy.write(to: &$0) }
    }

    func restorer() -> @Sendable (inout SnapshotInput) throws -> any StateMachine {
        let original = original
        return { input in
            var machine = original
            try machine.restore(from: &input)
            return machine
        }
    }

    func install(_ machine: any StateMachine) {
        guard let machine = machine as? Machine else { preconditionFailure("a machine of another type was restored") }
        self.machine = machine
    }
}
