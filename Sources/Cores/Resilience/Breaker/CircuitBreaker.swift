public import ApusPrimitives

/// Stops calling what fails, and finds out soon when it works again.
///
/// A pure value: whoever owns it passes the time in. M. Nygard's pattern ("Release It!", 2007) with the count-based
/// window of resilience4j. Ask `acquire` before a call and `record` its outcome with the permit; outcomes that come
/// after the state has changed, or twice for a probe, are ignored. `Locked<CircuitBreaker>.run` does both.
public struct CircuitBreaker: Sendable {
    /// What the breaker does with calls.
    public enum State: Hashable, Sendable {
        /// Calls pass and are counted. Left for `open` when the window's failure rate reaches the threshold.
        case closed
        /// Calls are refused. Left for `halfOpen` by the clock, at this moment.
        case open(until: MonotonicTime)
        /// A few probes pass. Left for `closed` as soon as the probes still out cannot bring their failure rate to the
        /// threshold, for `open` as soon as it is reached.
        case halfOpen
    }

    /// How a call ended.
    public enum Outcome: Hashable, Sendable {
        case success
        case failure
        /// Says nothing about the callee: the caller went away, say. A probe's place is given to another call.
        case ignored
    }

    /// Leave for one call. Belongs to one period of one state, so that a late outcome can be told.
    public struct Permit: Hashable, Sendable {
        let generation: UInt64
        /// Which probe this is; nil while closed.
        let probe: UInt64?
    }

    /// A change of state, for logs and metrics.
    public struct Transition: Hashable, Sendable {
        public let from: State
        public let to: State

        public init(from: State, to: State) {
            self.from = from
            self.to = to
        }
    }

    private enum Phase: Sendable {
        /// Left for `open` by a recorded outcome.
        case closed
        /// Left for `halfOpen` by an `acquire` at `until` or later.
        case open(until: MonotonicTime, calls: Int, failures: Int)
        /// Left for `closed` or `open` by a recorded outcome.
        case halfOpen(Probes)
    }

    /// Names the breaker in its errors, for example after the endpoint that it protects.
    public let name: String
    public let configuration: Configuration

    private var phase = Phase.closed
    private var window: OutcomeWindow
    /// Counts the periods; a permit of an earlier one is void.
    private var generation: UInt64 = 0

    public init(_ name: String = "circuit breaker", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
        window = OutcomeWindow(capacity: configuration.windowSize)
    }

    /// Calls in the window; zero unless closed.
    public var calls: Int { window.calls }

    /// Failures among `calls`.
    public var failures: Int { window.failures }

    public func state(at now: MonotonicTime) -> State {
        switch phase {
        case .closed: .closed
        case .open(let until, _, _): now < until ? .open(until: until) : .halfOpen
        case .halfOpen: .halfOpen
        }
    }

    /// Whether `acquire` would succeed, without taking a probe's place: for balancers that choose among endpoints.
    public func admits(at now: MonotonicTime) -> Bool {
        switch phase {
        case .closed: true
        case .open(let until, _, _): now >= until
        case .halfOpen(let probes): probes.hasPlace(at: now)
        }
    }

    /// Leave to call, now.
    ///
    /// - Throws: a `ResilienceError` with the code `.circuitOpen`, the numbers seen, and when to try again.
    public mutating func acquire(at now: MonotonicTime) throws(ResilienceError) -> Permit {
        if case .open(let until, let calls, let failures) = phase {
            guard now >= until else { throw refusal(calls: calls, failures: failures, wait: until - now) }
            enter(.halfOpen(Probes(limit: configuration.halfOpenProbes, patience: configuration.openFor)))
        }
        guard case .halfOpen(var probes) = phase else { return Permit(generation: generation, probe: nil) }
        guard let probe = probes.start(at: now) else { throw refusal(probes, at: now) }
        phase = .halfOpen(probes)
        return Permit(generation: generation, probe: probe)
    }

    /// Takes in how the call ended that `permit` was given for, once for each permit.
    ///
    /// - Returns: the change of state that this outcome caused.
    @discardableResult
    public mutating func record(_ permit: Permit, _ outcome: Outcome, at now: MonotonicTime) -> Transition? {
        guard permit.generation == generation else { return nil }
        switch phase {
        case .closed:
            guard outcome != .ignored else { return nil }
            window.append(failed: outcome == .failure)
            guard
                window.calls >= configuration.minimumCalls,
                window.failureRate >= configuration.failureRateThreshold
            else { return nil }
            return open(at: now, from: .closed, calls: window.calls, failures: window.failures)
        case .halfOpen(var probes):
            guard let probe = permit.probe, probes.finish(probe, outcome) else { return nil }
            phase = .halfOpen(probes)
            switch probes.verdict(threshold: configuration.failureRateThreshold) {
            case .undecided: return nil
            case .healthy:
                enter(.closed)
                return Transition(from: .halfOpen, to: .closed)
            case .failing:
                return open(
                    at: now, from: .halfOpen, calls: probes.successes + probes.failures, failures: probes.failures)
            }
        case .open: return nil
        }
    }

    private mutating func open(at now: MonotonicTime, from: State, calls: Int, failures: Int) -> Transition {
        let until = now + configuration.openFor
        enter(.open(until: until, calls: calls, failures: failures))
        return Transition(from: from, to: .open(until: until))
    }

    private mutating func enter(_ next: Phase) {
        phase = next
        generation += 1
        window.removeAll()
    }

    private func refusal(calls: Int, failures: Int, wait: Duration) -> ResilienceError {
        let limit = configuration.failureRateThreshold * 100
        return ResilienceError(
            code: .circuitOpen,
            message:
                "open: \(failures) of the last \(calls) calls failed, the limit is \(limit) %; next probe in \(wait)",
            policy: name, retryAfter: wait)
    }

    private func refusal(_ probes: Probes, at now: MonotonicTime) -> ResilienceError {
        ResilienceError(
            code: .circuitOpen,
            message: "half-open: \(probes.running) probes are under way, "
                + "\(probes.successes) succeeded and \(probes.failures) failed of \(configuration.halfOpenProbes)",
            policy: name, retryAfter: probes.nextPlace(at: now))
    }
}
