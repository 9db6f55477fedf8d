import ApusPrimitives
import ApusRaft

/// A caller that waits for its proposal to be applied.
// Safe: `envelope` and `size` are set before anybody else has it; the rest belongs to the event loop of its node.
class ProposalWaiter: @unchecked Sendable {
    /// The command in its envelope, which is sealed when it is proposed.
    var envelope: [UInt8]
    let size: Int
    /// In ticks of the node.
    var deadline: UInt64 = 0
    /// In ticks, too; 0 while the one that leads now was not sent it.
    var sentAt: UInt64 = 0
    /// In nanoseconds of the event loop's clock.
    var arrivedAt: UInt64 = 0
    /// Its place in the node's session, once it is proposed.
    var sequence: UInt64 = 0
    var isCancelled = false

    init(envelope: [UInt8]) {
        self.envelope = envelope
        size = envelope.count
    }

    func fail(_ error: NodeError) {
        preconditionFailure("a waiter waits for an answer of some type")
    }
}

// Safe: as its superclass; `then` is set before the event loop gets it, and called once there.
final class AnswerWaiter<Answer: Sendable>: ProposalWaiter, @unchecked Sendable {
    var then: (@Sendable (Result<Answer, NodeError>) -> Void)?

    init(_ command: some Collection<UInt8>, then: (@Sendable (Result<Answer, NodeError>) -> Void)? = nil) {
        self.then = then
        super.init(envelope: Envelope.make(command))
    }

    func succeed(_ answer: Answer) {
        then.take()?(.success(answer))
    }

    override func fail(_ error: NodeError) {
        then.take()?(.failure(error))
    }
}

/// A caller that waits to read the state machine.
// Safe: `mode` never changes; the rest belongs to the event loop of its node.
class ReadWaiter: @unchecked Sendable {
    /// Nil: whatever there is, at once.
    let mode: ReadMode?
    /// It is to know that this node leads, and takes the state as it is then.
    let isConfirmation: Bool
    var deadline: UInt64 = 0
    var hasArrived = false
    var isCancelled = false
    /// It has its answer.
    fileprivate(set) var isDone = false

    init(mode: ReadMode?, isConfirmation: Bool) {
        self.mode = mode
        self.isConfirmation = isConfirmation
    }

    /// Once; later ones are ignored.
    func fail(_ error: NodeError) {
        preconditionFailure("a waiter waits for a machine of some type")
    }
}

// Safe: as its superclass; `then` is set before the event loop gets it, and called once there.
final class MachineReader<Machine: StateMachine>: ReadWaiter, @unchecked Sendable {
    var then: (@Sendable (Result<Machine, NodeError>) -> Void)?

    init(
        mode: ReadMode?, isConfirmation: Bool = false, then: (@Sendable (Result<Machine, NodeError>) -> Void)? = nil
    ) {
        self.then = then
        super.init(mode: mode, isConfirmation: isConfirmation)
    }

    /// Once; later ones are ignored.
    func finish(_ result: Result<Machine, NodeError>) {
        isDone = true
        then.take()?(result)
    }

    override func fail(_ error: NodeError) { finish(.failure(error)) }
}
