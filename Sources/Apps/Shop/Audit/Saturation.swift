/// Sums over rows that somebody may have damaged: too large a sum stays at the limit, where it agrees with nothing, and
/// does not end the audit.
extension Int64 {
    func adding(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other < 0 ? .min : .max
    }

    func subtracting(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        guard overflow else { return difference }
        return other < 0 ? .max : .min
    }

    mutating func add(_ other: Int64) { self = adding(other) }
}
