import ApusPrimitives
import HeapModule

/// Many alarms at the cost of one sleeping task.
///
/// Nearly every deadline is cancelled, because nearly every call ends in time, and a cancelled sleep keeps its timer
/// until it would have fired: some 750 bytes for seconds. An alarm that is cancelled here leaves nothing behind. Alarms of
/// one millisecond go off together, at its end.
final class Alarms: Sendable {
    struct Alarm: Sendable {
        fileprivate let tick: Int64
        fileprivate let id: UInt64
    }

    private struct State {
        /// What to do at the end of each millisecond.
        var actions: [Int64: [UInt64: @Sendable () -> Void]] = [:]
        /// Every millisecond in `actions`.
        var ticks = Heap<Int64>()
        /// How many of them have nothing to do any more.
        var emptied = 0
        var lastID: UInt64 = 0
        /// When the sleeper wakes; nil when there is none.
        var wakes: Int64?
        var sleeper: Task<Void, Never>?
        /// A sleeper that was replaced has an older one.
        var generation: UInt64 = 0
    }

    /// The sleeper wakes at least once a second, so that one which was replaced does not leave a timer for longer.
    private static let longestSleep: Int64 = 1000

    private let now: @Sendable () -> MonotonicTime
    private let sleepUntil: @Sendable (MonotonicTime) async throws -> Void
    private let state = Locked(State())

    init(
        now: @escaping @Sendable () -> MonotonicTime,
        sleepUntil: @escaping @Sendable (MonotonicTime) async throws -> Void
    ) {
        self.now = now
        self.sleepUntil = sleepUntil
    }

    /// - Parameter action: short; it runs on the task of the sleeper.
    func set(_ moment: MonotonicTime, _ action: @escaping @Sendable () -> Void) -> Alarm {
        let tick = Self.tick(notBefore: moment)
        let present = Self.tick(notBefore: now())
        return state.withLock { state in
            state.lastID += 1
            let alarm = Alarm(tick: tick, id: state.lastID)
            if let others = state.actions[tick] {
                if others.isEmpty { state.emptied -= 1 }
            } else {
                state.ticks.insert(tick)
            }
            state.actions[tick, default: [:]][alarm.id] = action
            let wakes = min(tick, present + Self.longestSleep)
            if state.wakes.map({ wakes < $0 }) ?? true { startSleeper(until: wakes, &state) }
            return alarm
        }
    }

    func cancel(_ alarm: Alarm) {
        state.withLock { state in
            guard state.actions[alarm.tick]?.removeValue(forKey: alarm.id) != nil,
                state.actions[alarm.tick]?.isEmpty == true
            else { return }
            state.emptied += 1
            // Not one by one: taking one out of a heap costs as much as building it.
            guard state.emptied > max(1024, state.ticks.count / 2) else { return }
            state.actions = state.actions.filter { !$0.value.isEmpty }
            state.ticks = Heap(state.actions.keys)
            state.emptied = 0
        }
    }

    /// How many alarms are set, and how many milliseconds are remembered for them.
    var counts: (alarms: Int, ticks: Int) {
        state.withLock { ($0.actions.values.reduce(0) { $0 + $1.count }, $0.ticks.count) }
    }

    private func startSleeper(until tick: Int64, _ state: inout State) {
        state.sleeper?.cancel()
        state.generation += 1
        state.wakes = tick
        let generation = state.generation
        state.sleeper = Task.detached(priority: .high) { [self] in
            var next: Int64? = tick
            while let tick = next {
                do { try await sleepUntil(MonotonicTime(nanoseconds: tick * 1_000_000)) } catch { return }
                next = goOff(generation)
            }
        }
    }

    /// Does what is due, and says when to wake again; nil when there is nothing left or another sleeper took over.
    private func goOff(_ generation: UInt64) -> Int64? {
        let present = now().nanoseconds / 1_000_000
        let (due, next) = state.withLock { state -> ([@Sendable () -> Void], Int64?) in
            guard state.generation == generation else { return ([], nil) }
            var due: [@Sendable () -> Void] = []
            while let tick = state.ticks.min, tick <= present || state.actions[tick]?.isEmpty == true {
                state.ticks.removeMin()
                let actions = state.actions.removeValue(forKey: tick) ?? [:]
                if actions.isEmpty { state.emptied -= 1 }
                due += actions.values
            }
            state.wakes = state.ticks.min.map { min($0, present + Self.longestSleep) }
            if state.wakes == nil { state.sleeper = nil }
            return (due, state.wakes)
        }
        for action in due { action() }
        return next
    }

    private static func tick(notBefore moment: MonotonicTime) -> Int64 {
        let whole = moment.nanoseconds / 1_000_000
        return moment.nanoseconds % 1_000_000 > 0 ? whole + 1 : whole
    }
}
