import ApusPrimitives
import ApusResilience

/// Wakes the coordinator's loop. Raised several times before it is looked at, it counts once.
final class SagaSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    func raise() {
        let waiter = state.withLock { state in
            state.isRaised = state.waiter == nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns once it was raised, at `moment`, or when the task is cancelled. One waiter at a time.
    func wait(until moment: MonotonicTime, on time: TimeSource) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                do {
                    try await time.sleep(until: moment)
                    self.raise()
                } catch {
                    // Cancelled because the signal came first.
                }
            }
            await self.raised()
            group.cancelAll()
        }
    }

    private func raised() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRaised = state.withLock { state in
                    if state.isRaised {
                        state.isRaised = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isRaised { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
    }
}
