import ApusPrimitives

/// Everything that makes the calls of one callee survive, in one value and one order.
///
/// From the outside in: fallback, deadline, rate limit, load shedding, bulkhead, retry with its budget, hedge, breaker,
/// attempt timeout, the call. Each part is optional. A call that succeeds at once passes a few short critical sections,
/// whatever parts there are.
///
/// ```swift
/// let payment = ResiliencePolicy("payment")
/// let receipt = try await payment.run { attempt in
///     try await charge(order, idempotencyKey: order.id, attempt: attempt.number)
/// }
/// ```
public final class ResiliencePolicy: Sendable {
    public let name: String
    @usableFromInline let time: TimeSource
    let state: Locked<PolicyState>
    let names: PolicyNames
    let onEvent: (@Sendable (PolicyEvent) -> Void)?

    /// - Parameters:
    ///   - name: of what is called; it stands in errors and metrics.
    ///   - seed: of jitter, so that a simulation repeats itself; nil for one of the system.
    ///   - onEvent: told each decision, on the task of the call and outside the policy's lock. It must be short.
    public init(
        _ name: String, _ configuration: Configuration = .standard, on time: TimeSource = .continuous,
        seed: UInt64? = nil, onEvent: (@Sendable (PolicyEvent) -> Void)? = nil
    ) {
        self.name = name
        self.time = time
        self.onEvent = onEvent
        names = PolicyNames(name)
        state = Locked(PolicyState(names, configuration, on: time, seed: seed ?? UInt64.random(in: 0...UInt64.max)))
    }

    /// How the policy is set now.
    public var configuration: Configuration { state.withLock { $0.settings.configuration } }

    /// Replaces the settings, for calls that begin from now on. A part that stays on keeps what it has learnt (windows,
    /// tokens, limits), within its new bounds; one that is switched on begins anew. Calls under way finish as they began.
    public func update(_ configuration: Configuration) {
        let now = time.now()
        let (changed, settings) = state.withLock { state in
            (state.reconfigure(configuration, on: time, at: now), state.settings)
        }
        // A part that has just been made is set so already.
        if let bulkhead = configuration.bulkhead { settings.bulkhead?.reconfigure(bulkhead) }
        if let hedge = configuration.hedge { settings.hedge?.withLock { $0.reconfigure(hedge, at: now) } }
        report(.reconfigured)
        limited(changed.limit)
        if let transition = changed.transition { report(.breakerChanged(transition)) }
    }

    /// What a person does with the breaker.
    public enum Force: Hashable, Sendable {
        /// Refuses every call, until another of these.
        case open
        /// Lets every call pass, until another of these.
        case closed
        /// Closed, as if new, and free to open by itself.
        case reset
    }

    /// Takes the circuit breaker in hand; nothing happens when it is off.
    public func force(_ how: Force) {
        let transition = state.withLock { state in
            switch how {
            case .open: state.breaker.part?.forceOpen()
            case .closed: state.breaker.part?.forceClosed()
            case .reset: state.breaker.part?.reset()
            }
        }
        if let transition { report(.breakerChanged(transition)) }
    }

    func report(_ event: @autoclosure () -> PolicyEvent) {
        if let onEvent { onEvent(event()) }
    }
}
