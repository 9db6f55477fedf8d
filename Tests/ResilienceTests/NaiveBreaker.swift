import ApusPrimitives
import ApusResilience

/// The circuit breaker's manual, written down as slowly and as plainly as possible: every call is kept for ever, and
/// every question is answered by looking at all of them.
struct NaiveBreaker {
    private struct Call {
        let period: Int
        let started: MonotonicTime
        var isLost = false
        var recorded: Seen?
    }

    private struct Seen {
        var time: MonotonicTime
        let outcome: CircuitBreaker.Outcome
        let isSlow: Bool
    }

    private enum Period {
        case closed, halfOpen, forcedOpen, forcedClosed
        case open(since: MonotonicTime)
    }

    private(set) var settings: CircuitBreaker.Configuration
    private var calls: [Call] = []
    /// What a closed breaker remembers, in the order in which it came.
    private var seen: [Seen] = []
    private var periods: [Period] = [.closed]

    init(_ settings: CircuitBreaker.Configuration) {
        self.settings = settings
    }

    func state(at now: MonotonicTime) -> CircuitBreaker.State {
        switch periods.last! {
        case .closed: .closed
        case .halfOpen: .halfOpen
        case .open(let since): now < since + settings.openFor ? .open(until: since + settings.openFor) : .halfOpen
        case .forcedOpen: .forcedOpen
        case .forcedClosed: .forcedClosed
        }
    }

    func counts(at now: MonotonicTime) -> CircuitBreaker.Counts { Self.counts(remembered(at: now)) }

    /// The number of the call; nil when refused.
    mutating func acquire(at now: MonotonicTime) -> Int? {
        switch periods.last! {
        case .forcedOpen: return nil
        case .open(let since):
            guard now >= since + settings.openFor else { return nil }
            enter(.halfOpen)
        default: break
        }
        if case .halfOpen = periods.last! {
            let out = calls.indices.filter { isCurrent($0) && calls[$0].recorded == nil && !calls[$0].isLost }
            if out.count + probed.count >= settings.halfOpenProbes {
                guard let oldest = out.first, now - calls[oldest].started >= settings.openFor else { return nil }
                calls[oldest].isLost = true
            }
        }
        calls.append(Call(period: periods.count, started: now))
        return calls.count - 1
    }

    mutating func record(_ call: Int, _ outcome: CircuitBreaker.Outcome, at now: MonotonicTime) {
        guard isCurrent(call), calls[call].recorded == nil else { return }
        let isSlow = settings.slowCallDuration.map { now - calls[call].started > $0 } ?? false
        let result = Seen(time: now, outcome: outcome, isSlow: isSlow)
        calls[call].recorded = result
        guard outcome != .ignored else { return }
        switch periods.last! {
        case .open, .forcedOpen: break
        case .halfOpen: judgeProbes(at: now)
        case .forcedClosed:
            seen.append(result)
            seen = remembered(at: now)
        case .closed:
            seen.append(result)
            seen = remembered(at: now)
            let counts = Self.counts(seen)
            if counts.calls >= settings.minimumCalls, isTooMuch(counts, of: counts.calls) { enter(.open(since: now)) }
        }
    }

    mutating func reconfigure(_ new: CircuitBreaker.Configuration, at now: MonotonicTime) {
        let old = settings
        seen = remembered(at: now)
        if old.window != new.window {
            switch (old.window, new.window) {
            case (.calls, .calls): break
            case (.calls, .time): for index in seen.indices { seen[index].time = now }
            case (.time(let length, let buckets), .time):
                let step = length.nanoseconds / Int64(buckets)
                for index in seen.indices {
                    let last = (seen[index].time.nanoseconds / step + 1) * step - 1
                    seen[index].time = min(MonotonicTime(nanoseconds: last), now)
                }
            case (.time(let length, let buckets), .calls):
                let step = length.nanoseconds / Int64(buckets)
                var even: [Seen] = []
                for bucket in Set(seen.map { $0.time.nanoseconds / step }).sorted() {
                    let counts = Self.counts(seen.filter { $0.time.nanoseconds / step == bucket })
                    for n in 1...counts.calls {
                        let fails = n * counts.failures / counts.calls - (n - 1) * counts.failures / counts.calls == 1
                        let lags = n * counts.slow / counts.calls - (n - 1) * counts.slow / counts.calls == 1
                        even.append(Seen(time: now, outcome: fails ? .failure : .success, isSlow: lags))
                    }
                }
                seen = even
            }
        }
        settings = new
        seen = remembered(at: now)
        if case .halfOpen = periods.last!, probed.count >= settings.halfOpenProbes { judgeProbes(at: now) }
    }

    mutating func force(_ state: CircuitBreaker.State) {
        switch (periods.last!, state) {
        case (.forcedOpen, .forcedOpen), (.forcedClosed, .forcedClosed): break
        case (_, .forcedOpen): enter(.forcedOpen)
        case (_, .forcedClosed): enter(.forcedClosed)
        default: enter(.closed)
        }
    }

    private var probed: [Seen] {
        calls.indices.filter(isCurrent).compactMap { calls[$0].recorded }.filter { $0.outcome != .ignored }
    }

    private mutating func judgeProbes(at now: MonotonicTime) {
        var counts = Self.counts(probed)
        let all = max(counts.calls, settings.halfOpenProbes)
        if isTooMuch(counts, of: all) { return enter(.open(since: now)) }
        counts.failures += all - counts.calls
        counts.slow += all - counts.calls
        if !isTooMuch(counts, of: all) { enter(.closed) }
    }

    private func isTooMuch(_ counts: CircuitBreaker.Counts, of all: Int) -> Bool {
        Double(counts.failures) >= settings.failureRateThreshold * Double(all)
            || settings.slowCallDuration != nil
                && Double(counts.slow) >= settings.slowCallRateThreshold * Double(all)
    }

    private func remembered(at now: MonotonicTime) -> [Seen] {
        switch settings.window {
        case .calls(let size): return seen.suffix(size)
        case .time(let length, let buckets):
            let step = length.nanoseconds / Int64(buckets)
            return seen.filter { now.nanoseconds / step - $0.time.nanoseconds / step < Int64(buckets) }
        }
    }

    private static func counts(_ seen: [Seen]) -> CircuitBreaker.Counts {
        CircuitBreaker.Counts(
            calls: seen.count, failures: seen.count { $0.outcome == .failure }, slow: seen.count { $0.isSlow })
    }

    private mutating func enter(_ period: Period) {
        periods.append(period)
        seen = []
    }

    private func isCurrent(_ call: Int) -> Bool {
        calls[call].period == periods.count
    }
}
