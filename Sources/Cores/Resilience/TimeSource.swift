public import ApusPrimitives

/// How a shell sees time: the machine's monotonic clock in production, a clock moved by hand in a test.
public struct TimeSource: Sendable {
    private let nowBody: @Sendable () -> MonotonicTime
    private let sleepBody: @Sendable (MonotonicTime) async throws -> Void

    /// - Parameters:
    ///   - now: the present moment; never goes back.
    ///   - sleepUntil: returns at the given moment, or throws `CancellationError` as soon as the task is cancelled.
    public init(
        now: @escaping @Sendable () -> MonotonicTime,
        sleepUntil: @escaping @Sendable (MonotonicTime) async throws -> Void
    ) {
        nowBody = now
        sleepBody = sleepUntil
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

    /// The machine's clock, which also counts while the machine sleeps.
    public static let continuous: TimeSource = {
        let origin = ContinuousClock.now
        return TimeSource(
            now: { MonotonicTime.zero + origin.duration(to: .now) },
            sleepUntil: { try await ContinuousClock().sleep(until: origin + ($0 - .zero)) })
    }()
}
