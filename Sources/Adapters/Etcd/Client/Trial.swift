import ApusGRPC
import ApusPrimitives

/// The attempts of one call so far, and whether another one follows. Pure but for the jitter.
struct Trial {
    enum Decision: Hashable {
        case after(Duration)
        case giveUp
    }

    let method: EtcdMethod
    /// How many endpoints there are.
    let count: Int
    let start: MonotonicTime
    let patience: Duration
    var end = MonotonicTime.distantFuture
    /// The last failure at each endpoint.
    private(set) var failures: [GRPCError?]
    /// Attempts that went elsewhere since the last wait.
    private var moves = 0
    private var waits = 0
    private var tokens = 0

    /// Between two rounds over all endpoints.
    static let firstWait = Duration.milliseconds(20)
    static let longestWait = Duration.milliseconds(500)
    /// A control plane that refuses so many tokens in one call has something else to say.
    static let mostTokens = 3
    /// What waits for one member is left for the others, when the call may be repeated.
    static let shortestAttempt = Duration.milliseconds(500)

    init(method: EtcdMethod, count: Int, start: MonotonicTime, patience: Duration) {
        self.method = method
        self.count = count
        self.start = start
        self.patience = patience
        failures = Array(repeating: nil, count: count)
    }

    /// Of the next attempt; nil for no bound. A read leaves time for another endpoint: the first may be frozen.
    func attemptTimeout(at now: MonotonicTime) -> Duration? {
        guard end < .distantFuture else { return nil }
        let left = max(end - now, .zero)
        guard method.effect == .none, count > 1 else { return left }
        return min(left, max(left / 2, Self.shortestAttempt))
    }

    mutating func failed(_ error: GRPCError, at index: Int) {
        failures[index] = error
    }

    mutating func decide(_ next: NextAttempt, at now: MonotonicTime) -> Decision {
        guard now < end else { return .giveUp }
        switch next {
        case .none: return .giveUp
        case .withNewToken:
            tokens += 1
            return tokens > Self.mostTokens ? .giveUp : .after(.zero)
        case .again: return wait(until: end, at: now)
        case .elsewhere:
            moves += 1
            if moves < count { return .after(.zero) }
            // Every endpoint has failed: those that cannot be reached are waited for as long as the patience is.
            moves = 0
            let isUnreachable = failures.allSatisfy { $0.map { $0.reach == .notSent } ?? false }
            return wait(until: isUnreachable ? min(end, start + patience) : end, at: now)
        }
    }

    private mutating func wait(until limit: MonotonicTime, at now: MonotonicTime) -> Decision {
        let wait = min(Self.firstWait * (1 << min(waits, 5)), Self.longestWait) * Double.random(in: 0.7...1.3)
        waits += 1
        return now + wait < limit ? .after(wait) : .giveUp
    }

    /// What the caller is told.
    func summary(of error: GRPCError, _ endpoints: [EtcdEndpoint]) -> GRPCError {
        let known = failures.compactMap { $0 }
        guard error.code == .unavailable, error.reach == .notSent, known.allSatisfy({ $0.reach == .notSent }) else {
            return error
        }
        let reasons = zip(endpoints, failures).compactMap { endpoint, failure in
            failure.map { "\(endpoint): \($0.connectFailure)" }
        }
        let subject = reasons.count == 1 ? "the endpoint cannot be reached" : "no endpoint can be reached"
        var summary = GRPCError(.unavailable, "\(subject) (\(reasons.joined(separator: "; ")))")
        summary.reach = .notSent
        return summary
    }

    var cancelled: GRPCError {
        var error = GRPCError(.cancelled, "the call was cancelled", cause: CancellationError())
        // Only attempts that surely did nothing are followed by a wait.
        error.reach = .notSent
        return error
    }
}
