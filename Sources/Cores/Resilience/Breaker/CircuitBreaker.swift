public import ApusPrimitives

/// Stops calling what fails or has become slow, and finds out soon when it works again.
///
/// A pure value: whoever owns it passes the time in. M. Nygard's pattern ("Release It!", 2007) with the windows and the
/// slow calls of resilience4j. Ask `acquire` before a call and `record` its outcome with the permit; outcomes that come
/// after the state has changed, or twice for a probe, are ignored. `Locked<CircuitBreaker>.run` does both.
public struct CircuitBreaker: Sendable {
    /// What the breaker does with calls.
    public enum State: Hashable, Sendable {
        /// Calls pass and are counted. Left for `open` when the window's rate of failures or of slow calls reaches its
        /// threshold.
        case closed
        /// Calls are refused. Left for `halfOpen` by the clock, at this moment.
        case open(until: MonotonicTime)
        /// A few probes pass. Left for `closed` as soon as the probes still out cannot bring a rate to its threshold, for
        /// `open` as soon as one is reached.
        case halfOpen
        /// Calls are refused. Left by hand only: `forceClosed`, `reset`.
        case forcedOpen
        /// Calls pass and are counted, whatever comes of them. Left by hand only: `forceOpen`, `reset`.
        case forcedClosed
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
        /// Tells how long the call took.
        let started: MonotonicTime

        var isFirstProbe: Bool { probe == Probes.first }
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

    /// Why a breaker opened.
    struct Verdict: Sendable {
        let counts: Counts
        let threshold: Double
        /// Nil when it opened by failures.
        var slowerThan: Duration?
    }

    private enum Phase: Sendable {
        /// Left for `open` by a recorded outcome.
        case closed
        /// Left for `halfOpen` by an `acquire` when `openFor` has passed.
        case open(since: MonotonicTime, Verdict)
        /// Left for `closed` or `open` by a recorded outcome.
        case halfOpen(Probes)
        /// Left for any of the other forced ones and `closed`, by hand.
        case forcedOpen, forcedClosed
    }

    /// Names the breaker in its errors, for example after the endpoint that it protects.
    public let name: String
    public private(set) var configuration: Configuration

    private var phase = Phase.closed
    private var window: OutcomeWindow
    /// Counts the periods; a permit of an earlier one is void.
    private var generation: UInt64 = 0

    public init(_ name: String = "circuit breaker", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
        window = OutcomeWindow(configuration.window)
    }

    /// What the window holds; nothing unless closed, by itself or by force.
    public func counts(at now: MonotonicTime) -> Counts { window.counts(at: now) }

    public func state(at now: MonotonicTime) -> State {
        switch phase {
        case .closed: .closed
        case .open(let since, _): now < until(since) ? .open(until: until(since)) : .halfOpen
        case .halfOpen: .halfOpen
        case .forcedOpen: .forcedOpen
        case .forcedClosed: .forcedClosed
        }
    }

    /// Whether `acquire` would succeed, without taking a probe's place: for balancers that choose among endpoints.
    public func admits(at now: MonotonicTime) -> Bool {
        switch phase {
        case .closed, .forcedClosed: true
        case .open(let since, _): now >= until(since)
        case .halfOpen(let probes): probes.hasPlace(at: now)
        case .forcedOpen: false
        }
    }

    /// Leave to call, now.
    ///
    /// - Throws: a `ResilienceError` with the code `.circuitOpen`, the numbers seen, and when to try again.
    public mutating func acquire(at now: MonotonicTime) throws(ResilienceError) -> Permit {
        switch phase {
        case .closed, .forcedClosed: return Permit(generation: generation, probe: nil, started: now)
        case .forcedOpen: throw refusalByHand()
        case .open(let since, let verdict):
            guard now >= until(since) else { throw refusal(verdict, wait: until(since) - now) }
            enter(.halfOpen(Probes(limit: configuration.halfOpenProbes, patience: configuration.openFor)))
        case .halfOpen: break
        }
        guard case .halfOpen(var probes) = phase else {
            return Permit(generation: generation, probe: nil, started: now)
        }
        guard let probe = probes.start(at: now) else { throw refusal(probes, at: now) }
        phase = .halfOpen(probes)
        return Permit(generation: generation, probe: probe, started: now)
    }

    /// Takes in how the call ended that `permit` was given for, once for each permit. The call took from its `acquire` to
    /// now.
    ///
    /// - Returns: the change of state that this outcome caused.
    @discardableResult
    public mutating func record(_ permit: Permit, _ outcome: Outcome, at now: MonotonicTime) -> Transition? {
        guard permit.generation == generation else { return nil }
        let isSlow = configuration.slowCallDuration.map { now - permit.started > $0 } ?? false
        switch phase {
        case .closed:
            guard outcome != .ignored else { return nil }
            window.append(failed: outcome == .failure, slow: isSlow, at: now)
            let counts = window.counts
            guard
                counts.calls >= configuration.minimumCalls,
                let verdict = configuration.verdict(on: counts, of: counts.calls)
            else { return nil }
            return open(at: now, from: .closed, verdict)
        case .halfOpen(var probes):
            guard let probe = permit.probe, probes.finish(probe, outcome, slow: isSlow) else { return nil }
            phase = .halfOpen(probes)
            return decide(probes, at: now)
        case .forcedClosed:
            if outcome != .ignored { window.append(failed: outcome == .failure, slow: isSlow, at: now) }
            return nil
        case .open, .forcedOpen: return nil
        }
    }

    /// Changes the settings of a breaker in use. What it has seen stays, as far as it fits: the outcomes of the window, the
    /// moment when it opened, the probes. New thresholds apply from the next outcome on.
    ///
    /// - Returns: the change of state, when fewer probes are asked for than have ended.
    @discardableResult
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) -> Transition? {
        if configuration.window != self.configuration.window {
            window = window.converted(to: configuration.window, at: now)
        }
        self.configuration = configuration
        guard case .halfOpen(var probes) = phase else { return nil }
        probes.limit = configuration.halfOpenProbes
        probes.patience = configuration.openFor
        phase = .halfOpen(probes)
        return probes.ended.calls >= probes.limit ? decide(probes, at: now) : nil
    }

    /// Refuses every call until `forceClosed` or `reset`: for maintenance, or when a person knows better.
    @discardableResult
    public mutating func forceOpen() -> Transition? { force(.forcedOpen, .forcedOpen) }

    /// Lets every call pass until `forceOpen` or `reset`, and goes on counting.
    @discardableResult
    public mutating func forceClosed() -> Transition? { force(.forcedClosed, .forcedClosed) }

    /// Closed, as if new: with an empty window, and free to open by itself.
    @discardableResult
    public mutating func reset() -> Transition? { force(.closed, .closed) }

    private mutating func force(_ next: Phase, _ state: State) -> Transition? {
        let from: State =
            switch phase {
            case .closed: .closed
            case .open(let since, _): .open(until: until(since))
            case .halfOpen: .halfOpen
            case .forcedOpen: .forcedOpen
            case .forcedClosed: .forcedClosed
            }
        if from == state, state != .closed { return nil }
        enter(next)
        return from == state ? nil : Transition(from: from, to: state)
    }

    private mutating func decide(_ probes: Probes, at now: MonotonicTime) -> Transition? {
        switch probes.finding(configuration) {
        case .undecided: return nil
        case .healthy:
            enter(.closed)
            return Transition(from: .halfOpen, to: .closed)
        case .failing(let verdict): return open(at: now, from: .halfOpen, verdict)
        }
    }

    private mutating func open(at now: MonotonicTime, from: State, _ verdict: Verdict) -> Transition {
        enter(.open(since: now, verdict))
        return Transition(from: from, to: .open(until: until(now)))
    }

    private mutating func enter(_ next: Phase) {
        phase = next
        generation += 1
        window.removeAll()
    }

    private func until(_ since: MonotonicTime) -> MonotonicTime { since + configuration.openFor }
}

extension CircuitBreaker.Configuration {
    /// Why a breaker opens that has seen `counts` of `all` calls; nil when it does not.
    func verdict(on counts: CircuitBreaker.Counts, of all: Int) -> CircuitBreaker.Verdict? {
        if Double(counts.failures) / Double(all) >= failureRateThreshold {
            return CircuitBreaker.Verdict(counts: counts, threshold: failureRateThreshold)
        }
        guard let slowCallDuration, Double(counts.slow) / Double(all) >= slowCallRateThreshold else { return nil }
        return CircuitBreaker.Verdict(
            counts: counts, threshold: slowCallRateThreshold, slowerThan: slowCallDuration)
    }
}
