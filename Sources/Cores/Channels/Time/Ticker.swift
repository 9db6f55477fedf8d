public import ApusPrimitives

/// Ticks at equal distances: Go's `time.Ticker`.
///
/// ```swift
/// for try await _ in Ticker(every: .seconds(1)) { try await report() }
/// ```
///
/// A reader that is slow misses ticks: one waits for it at most, nothing piles up, and the rhythm is kept. Each tick is the
/// moment at which it was sent; the machine's clock ticks on whole milliseconds. It ends with `stop`, and when nobody can
/// read it any more.
public final class Ticker: AsyncSequence, Sendable {
    private struct State {
        var ticker: TickerState
        var cancelAlarm: (@Sendable () -> Void)?
    }

    private let channel = Channel<MonotonicTime>(capacity: 1)
    private let time: TimeSource
    private let state: Locked<State>

    /// - Parameter interval: more than zero.
    public init(every interval: Duration, time: TimeSource = .continuous) {
        precondition(interval.nanoseconds > 0, "a ticker's interval is more than zero")
        self.time = time
        let ticker = TickerState(every: interval, from: time.now())
        state = Locked(State(ticker: ticker))
        Self.setAlarm(ticker.generation, state, channel, time)
    }

    /// For `select`.
    public var ticks: Channel<MonotonicTime>.Receiver { channel.receiver }

    /// How many ticks the reader missed so far.
    public var missed: Int { state.withLock { $0.ticker.missed } }

    /// Ticks at another distance from now on; a tick that waits to be read stays.
    ///
    /// - Parameter interval: more than zero.
    public func reset(every interval: Duration) {
        precondition(interval.nanoseconds > 0, "a ticker's interval is more than zero")
        let now = time.now()
        let (generation, cancelAlarm) = state.withLock { state in
            state.ticker.reset(every: interval, from: now)
            return (state.ticker.generation, state.cancelAlarm)
        }
        cancelAlarm?()
        Self.setAlarm(generation, state, channel, time)
    }

    /// No tick comes after this but one that waits to be read; then its readers see the end.
    public func stop() {
        let cancelAlarm = state.withLock { state in
            state.ticker.stop()
            defer { state.cancelAlarm = nil }
            return state.cancelAlarm
        }
        cancelAlarm?()
        channel.close()
    }

    /// Unless a `reset` has set a later generation's, or will: each has one. The alarm keeps neither the ticker nor its channel
    /// alive.
    private static func setAlarm(
        _ generation: Int, _ state: Locked<State>, _ channel: Channel<MonotonicTime>, _ time: TimeSource
    ) {
        let moment = state.withLock { $0.ticker.isCurrent(generation) ? $0.ticker.next : nil }
        guard let moment else { return }
        let cancelAlarm = time.alarm(at: moment) { [weak channel] in
            guard let channel else { return }
            let now = time.now()
            let ticks = state.withLock { $0.ticker.wentOff(generation, at: now) }
            if ticks, !channel.trySend(now).isSent { state.withLock { $0.ticker.notTaken() } }
            setAlarm(generation, state, channel, time)
        }
        let isOutOfDate = state.withLock { state in
            guard state.ticker.isCurrent(generation) else { return true }
            state.cancelAlarm = cancelAlarm
            return false
        }
        if isOutOfDate { cancelAlarm() }
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(ticker: self)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let ticker: Ticker

        /// nil when the ticker was stopped.
        ///
        /// - Throws: `CancellationError`.
        public mutating func next() async throws -> MonotonicTime? {
            try await ticker.channel.receive()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> MonotonicTime? {
            try await ticker.channel.receive()
        }
    }
}
