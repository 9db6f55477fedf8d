import ApusPrimitives

/// Sums over the last stretch of time: a ring of buckets, of which the oldest is dropped as a new one begins. So the
/// stretch is between one bucket shorter than the window and the whole of it.
struct TimeWindow<Count: AdditiveArithmetic & Sendable>: Sendable {
    /// The length of a bucket in nanoseconds; buckets begin at its multiples.
    let step: Int64
    private var buckets: [Count]
    /// The number of the bucket that is filled now; nil before the first.
    private var newest: Int64?
    /// What all buckets hold together, as of the last change.
    private(set) var total = Count.zero

    /// - Parameters:
    ///   - length: at least a nanosecond for each bucket.
    ///   - count: at least 1.
    init(_ length: Duration, buckets count: Int) {
        step = max(length.nanoseconds / Int64(count), 1)
        buckets = [Count](repeating: .zero, count: count)
    }

    /// Adds to the bucket of `now`; to the newest when the clock went backwards.
    mutating func add(_ count: Count, at now: MonotonicTime) {
        advance(to: now)
        guard let newest else { return }
        buckets[slot(newest)] += count
        total += count
    }

    mutating func advance(to now: MonotonicTime) {
        let number = number(of: now)
        guard let newest else {
            self.newest = number
            return
        }
        guard number > newest else { return }
        for old in expiring(from: newest, to: number) {
            total -= buckets[slot(old)]
            buckets[slot(old)] = .zero
        }
        self.newest = number
    }

    func total(at now: MonotonicTime) -> Count {
        guard let newest, number(of: now) > newest else { return total }
        return expiring(from: newest, to: number(of: now)).reduce(total) { $0 - buckets[slot($1)] }
    }

    /// How long after `now` the total satisfies `condition`, if nothing is added; nil if it never does.
    func wait(from now: MonotonicTime, until condition: (Count) -> Bool) -> Duration? {
        guard let newest else { return condition(total) ? .zero : nil }
        let first = max(number(of: now), newest)
        if condition(total(at: now)) { return .zero }
        for later in 1...Int64(buckets.count) {
            let moment = start(of: first + later)
            if condition(total(at: moment)) { return moment - now }
        }
        return nil
    }

    mutating func removeAll() {
        for index in buckets.indices { buckets[index] = .zero }
        total = .zero
    }

    /// What each bucket holds that has not run out at `now`, the oldest first, with the last moment that it covers.
    func contents(at now: MonotonicTime) -> [(last: MonotonicTime, count: Count)] {
        guard let newest else { return [] }
        let oldest = max(number(of: now), newest) - Int64(buckets.count) + 1
        guard oldest <= newest else { return [] }
        return (oldest...newest).map { number in
            (min(start(of: number) + .nanoseconds(step - 1), now), buckets[slot(number)])
        }
    }

    /// The same contents in other buckets: nothing leaves the window earlier than it happened.
    func resized(to length: Duration, buckets count: Int, at now: MonotonicTime) -> TimeWindow {
        var other = TimeWindow(length, buckets: count)
        for (last, count) in contents(at: now) { other.add(count, at: last) }
        other.advance(to: now)
        return other
    }

    /// The buckets that run out while the newest goes from one number to another.
    private func expiring(from newest: Int64, to number: Int64) -> Range<Int64> {
        let oldest = newest - Int64(buckets.count) + 1
        return oldest..<oldest + min(number - newest, Int64(buckets.count))
    }

    private func number(of moment: MonotonicTime) -> Int64 {
        let (quotient, remainder) = moment.nanoseconds.quotientAndRemainder(dividingBy: step)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private func start(of number: Int64) -> MonotonicTime {
        let (start, overflow) = number.multipliedReportingOverflow(by: step)
        return MonotonicTime(nanoseconds: overflow ? (number < 0 ? .min : .max) : start)
    }

    private func slot(_ number: Int64) -> Int {
        let slot = Int(number % Int64(buckets.count))
        return slot < 0 ? slot + buckets.count : slot
    }
}
