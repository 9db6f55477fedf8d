import ApusPrimitives

/// Everything that makes the calls of one callee survive, in one value and one order.
///
/// From the outside in: fallback, deadline, retry, breaker, attempt timeout, the call. Each part is
/// optional. An admitted call passes two short critical sections of one lock, whatever parts there are.
///
/// ```swift
/// let payment = ResiliencePolicy("payment")
/// let receipt = try await payment.run { attempt in
///     try await charge(order, idempotencyKey: order.id, attempt: attempt.number)
/// }
/// ```
public final class ResiliencePolicy: Sendable {
    public let name: String
    let time: TimeSource
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
        state = Locked(PolicyState(names, configuration, seed: seed ?? UInt64.random(in: 0...UInt64.max)))
    }

    /// How the policy is set now.
    public var configuration: Configuration { state.withLock { $0.configuration } }

    /// Replaces the settings, for calls that begin from now on. A part that stays on keeps what it has learnt (windows,
    /// tokens, limits), within its new bounds; one that is switched on begins anew. Calls under way finish as they began.
    public func update(_ configuration: Configuration) {
        let transition = state.withLock { $0.reconfigure(configuration, at: time.now()) }
        report(.reconfigured)
        if let transition { report(.breakerChanged(transition)) }
    }

    func report(_ event: @autoclosure () -> PolicyEvent) {
        if let onEvent { onEvent(event()) }
    }
}
