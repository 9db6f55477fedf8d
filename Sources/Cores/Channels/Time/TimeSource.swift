public import ApusPrimitives

/// How a shell sees time: the machine's monotonic clock in production, a clock moved by hand in a test.
public struct TimeSource: Sendable {
    private let nowBody: @Sendable () -> MonotonicTime
    private let sleepBody: @Sendable (MonotonicTime) async throws -> Void
    private let alarms: Alarms?

    /// - Parameters:
    ///   - now: the present moment; never goes back.
    ///   - sleepUntil: returns at the given moment, or throws `CancellationError` as soon as the task is cancelled.
    public init(
        now: @escaping @Sendable () -> MonotonicTime,
        sleepUntil: @escaping @Sendable (MonotonicTime) async throws -> Void
    ) {
        self.init(now: now, sleepUntil: sleepUntil, alarms: nil)
    }

    private init(
        now: @escaping @Sendable () -> MonotonicTime,
        sleepUntil: @escaping @Sendable (MonotonicTime) async throws -> Void, alarms: Alarms?
    ) {
        nowBody = now
        sleepBody = sleepUntil
        self.alarms = alarms
    }

    public func now() -> MonotonicTime {
        nowBody()
    }

    /// - Throws: `CancellationError`.
    public func sleep(until moment: MonotonicTime) async throws {
        try await sleepBody(moment)
    }

    /// - Throws: `CancellationError`.
    public func sleep(for duration: Duration) async throws {
        try await sleepBody(nowBody() + duration)
    }

    /// Runs `action` at `moment` at the earliest, unless it is cancelled before.
    ///
    /// - Returns: cancels it.
    package func alarm(at moment: MonotonicTime, _ action: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
        if let alarms {
            let alarm = alarms.set(moment, action)
            return { alarms.cancel(alarm) }
        }
        let sleeper = Task {
            try await sleep(until: moment)
            action()
        }
        return { sleeper.cancel() }
    }

    /// The machine's clock, which also counts while the machine sleeps.
    public static let continuous: TimeSource = {
        let clock = MachineClock()
        let origin = clock.origin
        let now: @Sendable () -> MonotonicTime = { MachineClock.now(since: origin) }
        let sleep: @Sendable (MonotonicTime) async throws -> Void = { try await clock.sleep(until: $0) }
        return TimeSource(now: now, sleepUntil: sleep, alarms: Alarms(now: now, sleepUntil: sleep))
    }()
}
