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

    func fail(_ error: any Error) {
        preconditionFailure("a waiter waits for an answer of some type")
    }
}

// Safe: as its superclass; the continuation is set before the event loop gets it, and resumed once there.
final class AnswerWaiter<Answer: Sendable>: ProposalWaiter, @unchecked Sendable {
    var continuation: UnsafeContinuation<Answer, any Error>?

    func succeed(_ answer: Answer) {
        continuation.take()?.resume(returning: answer)
    }

    override func fail(_ error: any Error) {
        continuation.take()?.resume(throwing: error)
    }
}

/// A caller that waits to read the state machine.
// Safe: what it serves is set before the event loop gets it; the rest belongs to the event loop of its node.
final class ReadWaiter: @unchecked Sendable {
    let mode: ReadMode
    var serve: (any MachineHost) -> Void = { _ in }
    var fail: (any Error) -> Void = { _ in }
    var deadline: UInt64 = 0
    var hasArrived = false
    var isCancelled = false
    var isDone = false

    init(mode: ReadMode) {
        self.mode = mode
    }

    func finish(_ action: () -> Void) {
        if isDone { return }
        isDone = true
        action()
        serve = { _ in }
        fail = { _ in }
    }
}
