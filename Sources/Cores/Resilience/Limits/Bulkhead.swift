import ApusPrimitives

/// Lets only so many calls be under way at a time, so that one slow callee cannot take all of its callers' threads, memory
/// and connections (M. Nygard, "Release It!", 2007).
///
/// Calls that find no place wait, first come, first served, up to a number and for a time; the others are refused at once.
///
/// ```swift
/// let bulkhead = Bulkhead("payment", configuration: .init(maxConcurrent: 20, maxWaiting: 50))
/// let receipt = try await bulkhead.run { try await payment.charge(order) }
/// ```
public final class Bulkhead: Sendable {
    private typealias State = BulkheadState<Waiter<Void>>

    /// Names the bulkhead in its errors.
    public let name: String
    private let time: TimeSource
    private let state: Locked<State>
    /// Every free place, as long as nobody waits; for the state they are taken.
    private let lent: LentPlaces

    public init(
        _ name: String = "bulkhead", configuration: Configuration = Configuration(), time: TimeSource = .continuous
    ) {
        self.name = name
        self.time = time
        var state = State(configuration)
        lent = LentPlaces(state.lend())
        self.state = Locked(state)
    }

    public var configuration: Configuration { state.withLock { $0.configuration } }

    /// How many calls are under way; after a change to fewer places it may be more than there are.
    public var running: Int { state.withLock { running($0) } }

    /// How many calls wait for a place.
    public var waiting: Int { state.withLock { $0.waiting } }

    /// Takes a place if one is free and nobody waits; `release` gives it back. Takes no lock.
    public func tryAcquire() -> Bool {
        lent.take()
    }

    /// Takes a place, and waits until one is free. Either it returns and has a place, which `release` must give back, or it
    /// throws and has none.
    ///
    /// - Throws: a `ResilienceError` with the code `.bulkheadFull`: at once when too many wait already, or when no wait is
    ///   allowed; after `maxWait`, or at `Deadline.current` if that is sooner. `CancellationError` when the task is cancelled
    ///   while it waits.
    public func acquire() async throws {
        if tryAcquire() { return }
        try await waitForPlace()
    }

    /// Gives a place back. Whoever waits longest has it next.
    public func release() {
        if lent.giveBack() { return }
        hand(
            to: change { state in
                guard lent.count < state.running else {
                    assertionFailure("a bulkhead was left more often than entered")
                    return nil
                }
                if lent.takeLull() { state.forgetPace() }
                return state.release(at: time.now())
            })
    }

    /// Calls `body` inside.
    ///
    /// - Throws: as `acquire`, then `body` was not called; or what `body` throws.
    public func run<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await acquire()
        defer { release() }
        return try await body()
    }

    /// Changes the settings from now on. Calls that are under way stay; those that wait go on waiting for as long as they
    /// were told.
    public func reconfigure(_ configuration: Configuration) {
        var next = change { state in
            state.reconfigure(configuration)
            state.takeBack(lent.remove(upTo: state.excess))
            return state.admitNext()
        }
        while let waiter = next {
            hand(to: waiter)
            next = change { $0.admitNext() }
        }
    }

    /// Lends what is free after `body`.
    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in
            let result = body(&state)
            let free = state.lend()
            lent.add(free, of: state.running)
            return result
        }
    }

    private func running(_ state: State) -> Int { state.running - lent.count }

    /// One that gave up just before passes its place on to the one behind it.
    private func hand(to waiter: Waiter<Void>?) {
        var next = waiter
        while let waiter = next {
            if waiter.begin() {
                waiter.answer(.success(()))
                return
            }
            next = change { $0.passOn() }
        }
    }

    private func waitForPlace() async throws {
        let start = time.now()
        let maxWait = configuration.maxWait
        let patience = Deadline.current.map { min($0.remaining(at: start), maxWait) } ?? maxWait
        guard patience > .zero else {
            let why = maxWait > .zero ? "the deadline has passed" : "nobody may wait"
            throw state.withLock { refusal($0, why) }
        }
        var number: UInt64 = 0
        var cancelAlarm: (@Sendable () -> Void)?
        defer { cancelAlarm?() }
        do {
            try await Waiter<Void>.wait { waiter in
                switch change({ lent.take() ? .inside : $0.enter(waiter) }) {
                case .inside: hand(to: waiter)
                case .refused:
                    waiter.answer(.failure(state.withLock { refusal($0, "no more may wait") }))
                case .waiting(let place):
                    number = place
                    cancelAlarm = time.alarm(at: start + patience) { [self] in
                        // Whoever begins it answers it: a place and a refusal exclude each other.
                        guard waiter.begin() else { return }
                        let why = patience < maxWait ? "no place before the deadline" : "no place in \(patience)"
                        waiter.answer(.failure(state.withLock { refusal($0, why) }))
                    }
                }
            }
        } catch {
            change { $0.leave(number) }
            throw error
        }
    }

    private func refusal(_ state: State, _ why: String) -> ResilienceError {
        let settings = state.configuration
        return ResilienceError(
            code: .bulkheadFull,
            message: "\(why): \(running(state)) calls are under way and \(state.waiting) wait, "
                + "the limits are \(settings.maxConcurrent) and \(settings.maxWaiting)",
            policy: name, retryAfter: state.pace)
    }
}

extension ResilienceError.Code {
    /// A bulkhead refused the call; nothing was sent.
    public static let bulkheadFull = Self(rawValue: "bulkhead-full")
}
