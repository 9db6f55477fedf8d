import ApusPrimitives

/// What a closed breaker looks at: the last calls, or those of the last time.
struct OutcomeWindow: Sendable {
    // One of the two is nil: an enumeration's payload would be copied at each change.
    private var byCalls: CallWindow?
    private var byTime: TimeWindow<CircuitBreaker.Counts>?

    init(_ window: CircuitBreaker.Window) {
        switch window {
        case .calls(let capacity): byCalls = CallWindow(capacity: capacity)
        case .time(let length, let buckets): byTime = TimeWindow(length, buckets: buckets)
        }
    }

    /// As of the last outcome.
    var counts: CircuitBreaker.Counts { byCalls?.counts ?? byTime?.total ?? .zero }

    func counts(at now: MonotonicTime) -> CircuitBreaker.Counts {
        byCalls?.counts ?? byTime?.total(at: now) ?? .zero
    }

    mutating func append(failed: Bool, slow: Bool, at now: MonotonicTime) {
        byCalls?.append(failed: failed, slow: slow)
        byTime?.add(CircuitBreaker.Counts(calls: 1, failures: failed ? 1 : 0, slow: slow ? 1 : 0), at: now)
    }

    mutating func removeAll() {
        byCalls?.removeAll()
        byTime?.removeAll()
    }

    /// The same outcomes in another window, as far as they fit. The last calls count as made now in a window of time;
    /// where only sums are known, failures are spread evenly over the calls of their bucket.
    func converted(to window: CircuitBreaker.Window, at now: MonotonicTime) -> OutcomeWindow {
        var other = OutcomeWindow(window)
        switch window {
        case .calls(let capacity):
            if let byCalls { other.byCalls = byCalls.resized(to: capacity) }
            if let byTime { other.byCalls = Self.lastCalls(capacity, of: byTime, at: now) }
        case .time(let length, let buckets):
            if let byCalls { other.byTime?.add(byCalls.counts, at: now) }
            if let byTime { other.byTime = byTime.resized(to: length, buckets: buckets, at: now) }
        }
        return other
    }

    private static func lastCalls(
        _ capacity: Int, of window: TimeWindow<CircuitBreaker.Counts>, at now: MonotonicTime
    ) -> CallWindow {
        var result = CallWindow(capacity: capacity)
        var surplus = window.total(at: now).calls - capacity
        for (_, counts) in window.contents(at: now) {
            for call in max(min(surplus, counts.calls), 0)..<counts.calls {
                result.append(
                    failed: (call + 1) * counts.failures / counts.calls > call * counts.failures / counts.calls,
                    slow: (call + 1) * counts.slow / counts.calls > call * counts.slow / counts.calls)
            }
            surplus -= counts.calls
        }
        return result
    }
}
