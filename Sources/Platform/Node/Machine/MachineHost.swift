import ApusRaft

/// A state machine whose type the driver need not know.
protocol MachineHost: AnyObject {
    func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, for waiter: ProposalWaiter?)

    /// Writes the state as it is now, later and elsewhere.
    func frozen() -> @Sendable (inout SnapshotOutput) throws -> Void

    /// Makes another machine from a snapshot, elsewhere; `install` takes it.
    func restorer() -> @Sendable (inout SnapshotInput) throws -> any StateMachine

    func install(_ machine: any StateMachine)
}

final class TypedMachine<Machine: StateMachine>: MachineHost {
    private(set) var machine: Machine
    private let original: Machine

    init(_ machine: Machine) {
        self.machine = machine
        original = machine
    }

    func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, for waiter: ProposalWaiter?) {
        let answer = machine.apply(command, at: index)
        if let waiter { unsafeDowncast(waiter, to: AnswerWaiter<Machine.Answer>.self).succeed(answer) }
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
