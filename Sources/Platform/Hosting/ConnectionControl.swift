import ApusPrimitives
import ApusRPC

/// What the channel handler of one connection and the task that serves it know of each other.
///
/// The handler runs on the event loop, the task anywhere: cancelling the request that is being worked on is all that goes
/// from the one to the other outside of the stream of request parts.
final class ConnectionControl: Sendable {
    private struct State {
        var isGone = false
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Locked(State())
    let maxBodyBytes: Int

    @TaskLocal static var current: ConnectionControl?

    init(maxBodyBytes: Int) {
        self.maxBodyBytes = maxBodyBytes
    }

    /// Whether the client will not read an answer any more.
    var isGone: Bool { state.withLock { $0.isGone } }

    /// From now on `cancel` is called when the client goes away; at once when it has gone.
    func requestStarted(cancel: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            state.cancel = cancel
            return state.isGone
        }
        if isGone { cancel() }
    }

    func requestEnded() {
        state.withLock { $0.cancel = nil }
    }

    func clientWentAway() {
        let cancel = state.withLock { state in
            state.isGone = true
            return state.cancel
        }
        cancel?()
    }
}

/// The connection ended before the request was complete. Nobody gets an answer.
struct ClientWentAway: Error {}
