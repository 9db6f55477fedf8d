/// What a policy did since it was made.
public struct PolicyCounts: Hashable, Sendable {
    /// Calls that passed rate limit, load shedding and bulkhead.
    public internal(set) var admitted = 0
    /// Admitted calls that returned a value.
    public internal(set) var succeeded = 0
    /// Admitted calls that threw.
    public internal(set) var failed = 0
    /// Admitted calls whose caller went away.
    public internal(set) var cancelled = 0
    /// Calls whose caller went away while they waited for their turn or for a place.
    public internal(set) var abandoned = 0
    /// Attempts after the first.
    public internal(set) var retries = 0
    /// Calls beside the first of their attempt.
    public internal(set) var hedges = 0
    /// Attempts that had no answer in time.
    public internal(set) var attemptTimeouts = 0
    /// Calls that a fallback answered.
    public internal(set) var degraded = 0

    private var rejections = [Int](repeating: 0, count: ResiliencePolicy.Part.allCases.count)

    /// Admitted calls that have not ended.
    public var underWay: Int { admitted - succeeded - failed - cancelled }

    /// Calls that `part` refused or gave up.
    public func rejected(by part: ResiliencePolicy.Part) -> Int {
        rejections[part.rank]
    }

    mutating func reject(_ part: ResiliencePolicy.Part) {
        rejections[part.rank] += 1
    }
}
