/// What the caller of something that failed may do.
public enum RetryAdvice: Hashable, Sendable {
    /// The same request will fail again.
    case never
    /// The same request may work after this time.
    case after(Duration)
}
