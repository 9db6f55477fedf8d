extension ResiliencePolicy {
    /// The parts of a policy, from the outermost to the innermost.
    public enum Part: String, Hashable, Sendable, CaseIterable {
        case fallback, deadline, rateLimit, loadShedding, bulkhead, retry, hedge, breaker, attemptTimeout

        /// Where it stands, from 0 for the outermost.
        var rank: Int {
            switch self {
            case .fallback: 0
            case .deadline: 1
            case .rateLimit: 2
            case .loadShedding: 3
            case .bulkhead: 4
            case .retry: 5
            case .hedge: 6
            case .breaker: 7
            case .attemptTimeout: 8
            }
        }
    }

    /// What a body is told about the attempt that it makes.
    public struct Attempt: Hashable, Sendable {
        /// 1 for the first, 2 for the first retry.
        public let number: Int
        /// 1, or more for a call that runs beside the first of the same attempt because that takes long.
        public let hedge: Int

        @usableFromInline
        init(number: Int, hedge: Int) {
            self.number = number
            self.hedge = hedge
        }
    }
}
