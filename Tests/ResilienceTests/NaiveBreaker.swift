import ApusPrimitives
import ApusResilience

/// The circuit breaker's manual, written down as slowly and as plainly as possible: every call is kept for ever, and
/// every question is answered by looking at all of them.
struct NaiveBreaker {
    private struct Call {
        let period: Int
        let started: MonotonicTime
        var isLost = false
        var recorded: CircuitBreaker.Outcome?
    }

    private enum Period {
        case closed, halfOpen
        case open(until: MonotonicTime)
    }

    private let settings: CircuitBreaker.Configuration
    private var calls: [Call] = []
    /// Calls in the order of their outcomes.
    private var outcomes: [Int] = []
    private var periods: [Period] = [.closed]

    init(_ settings: CircuitBreaker.Configuration) {
        self.settings = settings
    }

    func state(at now: MonotonicTime) -> CircuitBreaker.State {
        switch periods.last! {
        case .closed: .closed
        case .halfOpen: .halfOpen
        case .open(let until): now < until ? .open(until: until) : .halfOpen
        }
    }

    /// The number of the call; nil when refused.
    mutating func acquire(at now: MonotonicTime) -> Int? {
        if case .open(let until) = periods.last! {
            guard now >= until else { return nil }
            periods.append(.halfOpen)
        }
        if case .halfOpen = periods.last! {
            let out = calls.indices.filter { isCurrent($0) && calls[$0].recorded == nil && !calls[$0].isLost }
            let counted = calls.indices.filter { isCurrent($0) && calls[$0].recorded.map { $0 != .ignored } == true }
            if out.count + counted.count >= settings.halfOpenProbes {
                guard let oldest = out.first, now - calls[oldest].started >= settings.openFor else { return nil }
                calls[oldest].isLost = true
            }
        }
        calls.append(Call(period: periods.count, started: now))
        return calls.count - 1
    }

    mutating func record(_ call: Int, _ outcome: CircuitBreaker.Outcome, at now: MonotonicTime) {
        guard isCurrent(call), calls[call].recorded == nil, !calls[call].isLost else { return }
        calls[call].recorded = outcome
        outcomes.append(call)
        let counted = outcomes.filter { isCurrent($0) && calls[$0].recorded != .ignored }
        switch periods.last! {
        case .open: break
        case .closed:
            let window = counted.suffix(settings.windowSize)
            let failed = window.count { calls[$0].recorded == .failure }
            guard outcome != .ignored, window.count >= settings.minimumCalls else { return }
            if Double(failed) >= settings.failureRateThreshold * Double(window.count) { open(at: now) }
        case .halfOpen:
            let failed = counted.count { calls[$0].recorded == .failure }
            let missing = settings.halfOpenProbes - counted.count
            let limit = settings.failureRateThreshold * Double(settings.halfOpenProbes)
            if Double(failed) >= limit {
                open(at: now)
            } else if Double(failed + missing) < limit {
                periods.append(.closed)
            }
        }
    }

    private mutating func open(at now: MonotonicTime) {
        periods.append(.open(until: now + settings.openFor))
    }

    private func isCurrent(_ call: Int) -> Bool {
        calls[call].period == periods.count
    }
}
