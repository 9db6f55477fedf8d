public import ApusChannels
public import ApusPrimitives

/// A clock that a test moves by hand. Sleepers wake when it is moved past their moment, earliest first.
public final class ManualTime: Sendable {
    private struct Sleeper {
        let id: UInt64
        let wakes: MonotonicTime
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = MonotonicTime.zero
        var nextID: UInt64 = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<UInt64> = []
    }

    private let state = Locked(State())

    public init() {}

    public var now: MonotonicTime { state.withLock { $0.now } }

    /// How many tasks sleep on this clock now.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    public var source: TimeSource {
        TimeSource(now: { self.now }, sleepUntil: { try await self.sleep(until: $0) })
    }

    /// Moves the clock and wakes whoever slept until a moment up to the new one.
    public func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now + duration
            let now = state.now
            let due = state.sleepers.filter { $0.wakes <= now }.sorted { ($0.wakes, $0.id) < ($1.wakes, $1.id) }
            state.sleepers.removeAll { $0.wakes <= now }
            return due
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Waits (in real time, at most a minute) until `count` tasks sleep on this clock.
    public func waitForSleepers(_ count: Int = 1) async throws {
        try await eventually { self.sleeperCount >= count }
    }

    private func sleep(until moment: MonotonicTime) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if moment <= state.now { return .success(()) }
                    state.sleepers.append(Sleeper(id: id, wakes: moment, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper: Sleeper? = state.withLock { state in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}
