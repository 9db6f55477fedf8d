extension ResiliencePolicy {
    /// The parts of a policy, from the outermost to the innermost.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        case fallback, deadline, retry, breaker, attemptTimeout

        /// Where it stands, from 0 for the outermost.
        var rank: Int {
            switch self {
            case .fallback: 0
            case .deadline: 1
            case .retry: 2
            case .breaker: 3
            case .attemptTimeout: 4
            }
        }
    }

    /// What a body is told about the attempt that it makes.
    public struct Attempt: Hashable, Sendable {
        /// 1 for the first, 2 for the first retry.
        public let number: Int
    }
}
