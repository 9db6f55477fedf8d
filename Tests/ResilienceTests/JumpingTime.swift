import ApusPrimitives
import ApusResilience

/// A clock that jumps to the end of every sleep, and remembers how long the sleeps were.
final class JumpingTime: Sendable {
    private struct State {
        var now = MonotonicTime.zero
        var waits: [Duration] = []
    }

    private let state = Locked(State())
    /// How much later than asked a sleep ends.
    private let overshoot: Duration

    init(overshoot: Duration = .zero) {
        self.overshoot = overshoot
    }

    var waits: [Duration] { state.withLock { $0.waits } }

    var now: MonotonicTime { state.withLock { $0.now } }

    var source: TimeSource {
        TimeSource(now: { self.now }) { moment in
            try Task.checkCancellation()
            self.state.withLock { state in
                state.waits.append(moment - state.now)
                state.now = max(state.now, moment) + self.overshoot
            }
        }
    }
}
