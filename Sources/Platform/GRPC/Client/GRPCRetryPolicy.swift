/// When a client makes a call again by itself: gRPC's proposal A6, with its names.
///
/// A call is made again only until its first response headers have come (a status without them does not count), and while its
/// messages so far are kept: at most `GRPCClientSettings.retryBufferBytes` of a stream.
public struct GRPCRetryPolicy: Hashable, Sendable {
    /// All attempts together, the first included; 1 to 5.
    public let maxAttempts: Int
    /// The wait before the second attempt.
    public let initialBackoff: Duration
    /// No wait is longer.
    public let maxBackoff: Duration
    /// How much longer each wait is than the one before; at least 1.
    public let backoffMultiplier: Double
    /// A status with another code ends the call.
    public let retryableCodes: Set<GRPCCode>

    /// Nothing is made again, but for calls that the server certainly has not seen.
    public static let none = GRPCRetryPolicy(maxAttempts: 1)

    /// Values out of range are moved to the nearest in range.
    public init(
        maxAttempts: Int = 4, initialBackoff: Duration = .milliseconds(100), maxBackoff: Duration = .seconds(5),
        backoffMultiplier: Double = 2, retryableCodes: Set<GRPCCode> = [.unavailable]
    ) {
        self.maxAttempts = min(max(maxAttempts, 1), 5)
        self.initialBackoff = max(initialBackoff, .zero)
        self.maxBackoff = max(maxBackoff, self.initialBackoff)
        self.backoffMultiplier = backoffMultiplier >= 1 ? backoffMultiplier : 1
        self.retryableCodes = retryableCodes
    }
}

/// The attempts of one call (A6). Pure: failures in, what to do out.
struct RetryState {
    enum Decision: Hashable {
        /// The next attempt, after this wait. It does not count when it is transparent: the server never saw the last one.
        case retry(after: Duration, isTransparent: Bool)
        case giveUp
    }

    let policy: GRPCRetryPolicy
    /// Attempts that the server may have seen, the one under way included.
    private(set) var attempts = 1
    /// Waits since the last push-back, which starts them again.
    private var waits = 0
    private var wasRefused = false
    /// Attempts that found their connection going away before anything was sent.
    private var unsent = 0
    static let maximumUnsent = 100
    /// An earlier attempt may have run.
    private var mayHaveRun = false

    init(policy: GRPCRetryPolicy) {
        self.policy = policy
    }

    /// - Parameters:
    ///   - isCommitted: response headers have come, or the messages were too much to keep.
    ///   - mayRetry: whether the budget of all calls allows it.
    mutating func failed(
        _ error: GRPCError, isCommitted: Bool, mayRetry: Bool, using random: inout some RandomNumberGenerator
    ) -> Decision {
        if !error.mayRepeat { mayHaveRun = true }
        guard !isCommitted else { return .giveUp }
        // Refused by the server: once at once, then as a failure like others (A6, "Transparent Retries").
        if error.reach == .notSent, error.code == .unavailable, unsent < Self.maximumUnsent {
            unsent += 1
            return .retry(after: .zero, isTransparent: true)
        }
        if error.reach == .refused, !wasRefused {
            wasRefused = true
            return .retry(after: .zero, isTransparent: true)
        }
        guard policy.retryableCodes.contains(error.code), attempts < policy.maxAttempts, mayRetry else {
            return .giveUp
        }
        if let pushback = error.retryPushback {
            guard pushback >= .zero else { return .giveUp }
            attempts += 1
            waits = 0
            return .retry(after: pushback, isTransparent: false)
        }
        attempts += 1
        var wait = policy.initialBackoff
        for _ in 0..<waits { wait = min(wait * policy.backoffMultiplier, policy.maxBackoff) }
        waits += 1
        return .retry(
            after: min(wait, policy.maxBackoff) * Double.random(in: 0.8...1.2, using: &random), isTransparent: false)
    }

    /// What the caller is told in the end: the last attempt's error does not say that the call may be repeated where an earlier one
    /// may have run.
    func final(_ error: GRPCError) -> GRPCError {
        guard mayHaveRun, error.mayRepeat else { return error }
        var error = error
        error.reach = .unknown
        return error
    }
}

/// The budget that keeps retries from making an overload worse (A6, "Throttling Retry Attempts"): failures take a token,
/// successes give some back, and below half there are no retries.
struct RetryThrottle {
    /// More than 0.
    let maxTokens: Double
    /// What a success gives back.
    let tokenRatio: Double
    private(set) var tokens: Double

    init(maxTokens: Double = 10, tokenRatio: Double = 0.1) {
        self.maxTokens = maxTokens
        self.tokenRatio = tokenRatio
        tokens = maxTokens
    }

    var mayRetry: Bool { tokens > maxTokens / 2 }

    mutating func succeeded() {
        tokens = min(tokens + tokenRatio, maxTokens)
    }

    mutating func failed() {
        tokens = max(tokens - 1, 0)
    }
}
