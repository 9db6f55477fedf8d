import Synchronization

/// Free places of a bulkhead that calls take and give back without its lock.
///
/// None is here as long as somebody waits for one: only whoever holds the lock adds the first.
struct LentPlaces: ~Copyable, Sendable {
    private let free: Atomic<Int>
    /// Those that are taken, too.
    private let all: Atomic<Int>
    private let hadLull = Atomic(false)

    init(_ count: Int) {
        free = Atomic(count)
        all = Atomic(count)
    }

    var count: Int { free.load(ordering: .relaxed) }

    func take() -> Bool {
        var seen = free.load(ordering: .acquiring)
        while seen > 0 {
            if move(&seen, by: -1) { return true }
        }
        return false
    }

    /// - Returns: false when somebody may wait for this one, or when every place seems to be free already. As these are two
    ///   numbers, read one after the other, only whoever holds the lock can tell.
    func giveBack() -> Bool {
        var seen = free.load(ordering: .acquiring)
        while seen > 0, seen < all.load(ordering: .relaxed) {
            if move(&seen, by: 1) {
                if !hadLull.load(ordering: .relaxed) { hadLull.store(true, ordering: .relaxed) }
                return true
            }
        }
        return false
    }

    /// Whether a place came back while others were free, since this was last asked.
    func takeLull() -> Bool {
        hadLull.load(ordering: .relaxed) && hadLull.exchange(false, ordering: .relaxed)
    }

    /// With the lock held: `count` more are free, of now `all` that there are.
    func add(_ count: Int, of all: Int) {
        // First, so that whoever sees the free ones sees that there are so many.
        self.all.store(all, ordering: .relaxed)
        if count > 0 { free.add(count, ordering: .acquiringAndReleasing) }
    }

    /// - Returns: how many of them there were.
    func remove(upTo count: Int) -> Int {
        var removed = 0
        while removed < count, take() { removed += 1 }
        return removed
    }

    private func move(_ seen: inout Int, by step: Int) -> Bool {
        let (isDone, now) = free.weakCompareExchange(
            expected: seen, desired: seen + step, ordering: .acquiringAndReleasing)
        seen = now
        return isDone
    }
}
