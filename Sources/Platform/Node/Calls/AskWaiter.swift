import ApusPrimitives
import ApusRaft

/// A caller that waits for the leader's answer.
// Safe: what never changes is set before anybody else has it, `then` before the event loop gets it; the rest belongs to the event
// loop of its node.
final class AskWaiter: @unchecked Sendable {
    let kind: PeerCall.Kind
    let request: [UInt8]
    var then: (@Sendable (Result<[UInt8], NodeError>) -> Void)?
    /// In ticks of the node.
    var deadline: UInt64 = 0
    /// Whom it was sent to; nil: not sent yet.
    var target: NodeID?
    var number: UInt64 = 0
    var isCancelled = false
    private(set) var isDone = false

    init(
        _ kind: PeerCall.Kind, _ request: [UInt8], then: (@Sendable (Result<[UInt8], NodeError>) -> Void)? = nil
    ) {
        self.kind = kind
        self.request = request
        self.then = then
    }

    /// Once; later ones are ignored.
    func finish(_ result: Result<[UInt8], NodeError>) {
        isDone = true
        then.take()?(result)
    }
}
