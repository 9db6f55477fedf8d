/// What the caller of a retry knows about an error: whether trying again is safe and makes sense.
public enum RetryDecision: Hashable, Sendable {
    /// Another attempt may succeed and does no harm.
    case retry
    /// The same, but not before this time has passed, as with HTTP's `Retry-After`.
    case retryAfter(Duration)
    /// The same, at once: it goes somewhere else, so that nobody is spared by a wait.
    case retryElsewhere
    /// Another attempt is useless or unsafe: the error goes to the caller as it is.
    case stop

    /// Retries everything but a cancellation, and waits as long as an error of this module asks for.
    public static func standard(_ error: any Error) -> RetryDecision {
        switch error {
        case is CancellationError: .stop
        case let error as ResilienceError: error.retryAfter.map { .retryAfter($0) } ?? .retry
        default: .retry
        }
    }
}
