import ApusKV
public import ApusPrimitives
public import ApusResilience
public import Logging
public import ServiceLifecycle

/// A rate limit that all instances of a service have together.
///
/// Each instance has a share of it, according to everybody's demand, and admits calls by a local limiter: no call waits for
/// the store. `run` settles the shares through the store, every `interval`. Whoever takes more does it in a transaction that
/// finds enough left, so the shares never exceed the limit. While the store is away, an instance goes on with its share;
/// when its lease has run out, with the smaller of it and an even part; and after the same time again, with an even part.
/// All comes back by itself with the store.
///
/// ```swift
/// let quota = SharedQuota("emails", configuration: .init(permits: 500, per: .seconds(60)), store: store, logger: logger)
/// try await quota.run { try await send(mail) }                    // with `quota` in the service group
/// ```
public final class SharedQuota: Sendable, Service {
    /// What an instance may use now, and why.
    public struct Status: Hashable, Sendable {
        /// Permits in every `per`.
        public let share: Double
        public let standing: QuotaShares.Standing
        /// How many instances there were when the store was last read.
        public let instances: Int
    }

    struct State {
        var shares: QuotaShares
        /// Under which the store knows this instance.
        var lease: LeaseID?
    }

    public static let defaultLeaseTTLSeconds: Int64 = 5
    public static let defaultInterval = Duration.milliseconds(500)

    public let name: String
    let store: any CoordinationStore
    let instance: String
    let ttlSeconds: Int64
    let interval: Duration
    let time: TimeSource
    let logger: Logger
    let state: Locked<State>

    /// - Parameters:
    ///   - name: the limit's; all instances that use the same share it.
    ///   - instance: for whoever looks into the store.
    ///   - leaseTTLSeconds: how long a share is kept for an instance that died, and that one which lost the store goes on
    ///     with its own; at least 1.
    ///   - interval: how often the shares are settled; at least 10 ms.
    public init(
        _ name: String, configuration: QuotaShares.Configuration, instance: String = "", store: any CoordinationStore,
        leaseTTLSeconds: Int64 = defaultLeaseTTLSeconds, interval: Duration = defaultInterval,
        time: TimeSource = .continuous, logger: Logger
    ) {
        self.name = name
        self.store = store
        self.instance = instance
        ttlSeconds = max(leaseTTLSeconds, 1)
        self.interval = max(interval, .milliseconds(10))
        self.time = time
        self.logger = logger
        state = Locked(
            State(
                shares: QuotaShares(
                    name, configuration: configuration, lifetime: .seconds(ttlSeconds), at: time.now())))
    }

    public var status: Status {
        let now = time.now()
        let shares = state.withLock { $0.shares }
        return Status(
            share: Double(shares.share(at: now)) / Double(QuotaShares.unit), standing: shares.standing(at: now),
            instances: shares.instances)
    }

    /// Takes `permits` of this instance's share, now or in advance: as `RateLimiter.acquire`.
    ///
    /// - Returns: how long the caller must wait before it goes.
    /// - Throws: a `ResilienceError` with the code `.rateLimited`; also as long as `run` has not begun or has ended.
    public func acquire(_ permits: Int = 1, until deadline: Deadline? = .current) throws(ResilienceError) -> Duration {
        let now = time.now()
        return try state.withLock { state throws(ResilienceError) in
            try state.shares.acquire(permits, at: now, until: deadline, retryAfter: interval)
        }
    }

    /// Gives back what was taken in advance and will not be used: as `RateLimiter.giveBack`.
    public func giveBack(_ permits: Int = 1, due: MonotonicTime) {
        state.withLock { $0.shares.giveBack(permits, due: due, at: time.now()) }
    }

    /// Takes `permits` and waits for its turn; one that is cancelled in its wait gives them back.
    ///
    /// - Throws: as `acquire`, at once; `CancellationError`.
    public func wait(_ permits: Int = 1) async throws {
        let wait = try acquire(permits)
        guard wait > .zero else { return }
        let due = time.now() + wait
        do {
            try await time.sleep(until: due)
        } catch {
            giveBack(permits, due: due)
            throw error
        }
    }

    /// Calls `body` when it is its turn.
    ///
    /// - Throws: as `wait`, then `body` was not called; or what `body` throws.
    public func run<Value>(_ permits: Int = 1, _ body: () async throws -> Value) async throws -> Value {
        try await wait(permits)
        return try await body()
    }

    /// Changes the limit from now on. A smaller one holds for all together when every instance has been told and `run` has
    /// settled the shares again.
    public func reconfigure(_ configuration: QuotaShares.Configuration) {
        let now = time.now()
        state.withLock { $0.shares.reconfigure(configuration, at: now) }
    }

    /// Settles the shares until graceful shutdown, which gives this instance's back, or cancellation, after which it
    /// expires. Nothing is admitted after it.
    public func run() async throws {
        state.withLock { $0.shares.start(at: time.now()) }
        defer { state.withLock { $0.shares.stop(at: time.now()) } }
        try await ending { try await self.settleForEver() }
        await giveUp()
    }
}
