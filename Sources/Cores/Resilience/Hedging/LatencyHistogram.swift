import ApusPrimitives

/// How long calls took, counted in buckets of a sixteenth of their octave: quantiles are right to 6 %, in 2 KB,
/// whatever the number of calls.
///
/// The layout is that of HdrHistogram (G. Tene) with four significant bits; from 1 µs to 19 hours.
struct LatencyHistogram: Sendable {
    private static let highestExponent = 35
    private static let bucketCount = (highestExponent - 3) * 16 + 16

    private var counts = [UInt32](repeating: 0, count: Self.bucketCount)
    private(set) var count = 0

    mutating func record(_ latency: Duration) {
        counts[Self.bucket(of: latency)] += 1
        count += 1
    }

    /// The latency that a share `rank` (0 to 1) of the calls stayed under; nil when nothing was recorded.
    func quantile(_ rank: Double) -> Duration? {
        guard count > 0 else { return nil }
        let position = min(max(rank, 0), 1) * Double(count)
        var below = 0
        for bucket in counts.indices where counts[bucket] > 0 {
            let here = Int(counts[bucket])
            if Double(below + here) >= position {
                // As if the calls of one bucket were spread evenly over it.
                let share = (position - Double(below)) / Double(here)
                let (low, width) = Self.bounds(of: bucket)
                return .nanoseconds(low + Int64(share * Double(width)))
            }
            below += here
        }
        return nil
    }

    /// Halves every count, so that what comes next weighs more than what was.
    mutating func fade() {
        count = 0
        for bucket in counts.indices where counts[bucket] > 0 {
            counts[bucket] /= 2
            count += Int(counts[bucket])
        }
    }

    mutating func removeAll() {
        guard count > 0 else { return }
        for bucket in counts.indices { counts[bucket] = 0 }
        count = 0
    }

    /// In units of 1,024 ns: the first sixteen buckets are one wide, each octave from there on has sixteen.
    static func bucket(of latency: Duration) -> Int {
        let units = UInt64(max(latency.nanoseconds, 0)) >> 10
        guard units >= 16 else { return Int(units) }
        let exponent = 63 - units.leadingZeroBitCount
        guard exponent <= highestExponent else { return bucketCount - 1 }
        return (exponent - 3) * 16 + Int(units >> UInt64(exponent - 4)) & 15
    }

    /// The least latency of a bucket and its width, in nanoseconds.
    private static func bounds(of bucket: Int) -> (low: Int64, width: Int64) {
        guard bucket >= 16 else { return (Int64(bucket) << 10, 1 << 10) }
        let exponent = bucket / 16 + 3
        let low = Int64(16 + bucket % 16) << Int64(exponent - 4 + 10)
        return (low, 1 << Int64(exponent - 4 + 10))
    }
}
