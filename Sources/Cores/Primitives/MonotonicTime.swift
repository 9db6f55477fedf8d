/// A moment on a monotonic timeline: nanoseconds since an origin that whoever supplies the time chose.
///
/// Pure code is handed moments and never asks for them, so that a simulator can hand it others. Moments of two
/// different timelines (two processes, say) must not be compared.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the origin; negative before it.
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The origin of the timeline.
    public static let zero = MonotonicTime(nanoseconds: 0)

    /// The last moment that can be written down, 292 years after the origin.
    public static let distantFuture = MonotonicTime(nanoseconds: .max)

    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Stops at `distantFuture` instead of overflowing.
    @inlinable
    public static func + (left: Self, right: Duration) -> Self {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
        return Self(nanoseconds: overflow ? (right.nanoseconds < 0 ? .min : .max) : sum)
    }

    @inlinable
    public static func - (left: Self, right: Duration) -> Self {
        left + .nanoseconds(-max(right.nanoseconds, -.max))
    }

    @inlinable
    public static func - (left: Self, right: Self) -> Duration {
        let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
        return .nanoseconds(overflow ? (left < right ? .min : .max) : difference)
    }
}

extension Duration {
    /// The whole nanoseconds of this duration, clamped to what 64 bits hold (292 years).
    @inlinable
    public var nanoseconds: Int64 {
        // Up to 18 s a word holds it, and the division is a multiplication.
        if let word = UInt64(exactly: attoseconds) { return Int64(word / 1_000_000_000) }
        return Int64(clamping: attoseconds / 1_000_000_000)
    }

    /// This duration in seconds, as a floating-point number, for metrics and messages.
    @inlinable
    public var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
