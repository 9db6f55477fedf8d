import ApusKV
import ApusPrimitives

/// A set of keys as half-open intervals, merged and in order: what a role may read, or write.
struct KeyIntervals: Sendable {
    private struct Interval {
        let start: Bytes
        /// The first key after it; nil for no end.
        var end: Bytes?
    }

    /// How far the set reaches, without a gap, from a key in it.
    enum Reach {
        case nowhere
        /// Up to, and without, this key.
        case before(Bytes)
        case unbounded
    }

    private var intervals: [Interval] = []

    init(_ ranges: some Sequence<KeyRange>) {
        let sorted = ranges.filter { !$0.isEmpty && !$0.start.isEmpty }.sorted { $0.start < $1.start }
        for range in sorted {
            guard let last = intervals.last, let end = last.end else {
                // The one before has no end, and takes in all that follow.
                if intervals.isEmpty { intervals.append(Interval(start: range.start, end: range.firstKeyAfter)) }
                continue
            }
            if range.start > end {
                intervals.append(Interval(start: range.start, end: range.firstKeyAfter))
            } else {
                intervals[intervals.count - 1].end = range.firstKeyAfter.map { max($0, end) }
            }
        }
    }

    func reach(from key: Bytes) -> Reach {
        var low = 0
        var high = intervals.count
        while low < high {
            let middle = (low + high) / 2
            if intervals[middle].start <= key { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return .nowhere }
        guard let end = intervals[low - 1].end else { return .unbounded }
        return key < end ? .before(end) : .nowhere
    }
}

extension KeyRange {
    /// Nil when the range has no end.
    var firstKeyAfter: Bytes? {
        switch end {
        case .single: Bytes(start.array + [0])
        case .before(let key): key
        case .unbounded: nil
        }
    }
}
