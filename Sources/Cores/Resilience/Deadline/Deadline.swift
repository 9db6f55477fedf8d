public import ApusPrimitives

/// The moment after which nobody waits for an answer any more.
///
/// It is set once, at the edge, and only shrinks on its way inwards: `current` follows the tree of tasks, the header
/// follows the request to the next service.
public struct Deadline: Sendable {
    /// On the timeline of the `TimeSource` in use.
    public let expires: MonotonicTime

    /// The body that is cancelled at this moment; nil when nobody has seen to that.
    var keeper: DeadlineKeeper?

    public init(expires: MonotonicTime) {
        self.expires = expires
    }

    @usableFromInline
    init(expires: MonotonicTime, keeper: DeadlineKeeper) {
        self.expires = expires
        self.keeper = keeper
    }

    /// To be called first in the task of the body that `keep` runs.
    @usableFromInline
    func begin() { keeper?.begin() }

    public init(after duration: Duration, from now: MonotonicTime) {
        expires = now + duration
    }

    /// The deadline of the work that the current task does; nil when there is none.
    @TaskLocal public static var current: Deadline?

    /// What is left; never negative.
    public func remaining(at now: MonotonicTime) -> Duration {
        max(expires - now, .zero)
    }

    /// True from the very moment of `expires` on.
    public func hasPassed(at now: MonotonicTime) -> Bool {
        now >= expires
    }

    /// What whoever finds this deadline passed throws, with what it was doing as `cause`.
    public func error(at now: MonotonicTime, cause: (any Error)? = nil) -> ResilienceError {
        ResilienceError(
            code: .deadlineExceeded, message: "the deadline passed \(now - expires) ago", policy: "deadline",
            cause: cause)
    }
}

extension Deadline: Hashable, Comparable {
    public static func == (left: Deadline, right: Deadline) -> Bool {
        left.expires == right.expires
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(expires)
    }

    public static func < (left: Deadline, right: Deadline) -> Bool {
        left.expires < right.expires
    }
}
