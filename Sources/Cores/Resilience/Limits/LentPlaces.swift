import Synchronization

/// Free places of a bulkhead that calls take and give back without its lock.
///
/// None is here as long as somebody waits for one: only whoever holds the lock adds the first.
struct LentPlaces: ~Copyable, Sendable {
    private let free: Atomic<Int>
    private let hadLull = Atomic(false)

    init(_ count: Int) {
        free = Atomic(count)
    }

    var count: Int { free.load(ordering: .relaxed) }

    func take() -> Bool { move(by: -1) }

    /// - Returns: false when all places are taken, and somebody may wait for this one.
    func giveBack() -> Bool {
        guard move(by: 1) else { return false }
        if !hadLull.load(ordering: .relaxed) { hadLull.store(true, ordering: .relaxed) }
        return true
    }

    /// Whether a place came back while others were free, since this was last asked.
    func takeLull() -> Bool {
        hadLull.load(ordering: .relaxed) && hadLull.exchange(false, ordering: .relaxed)
    }

    /// With the lock held.
    func add(_ count: Int) {
        if count > 0 { free.add(count, ordering: .acquiringAndReleasing) }
    }

    /// - Returns: how many of them there were.
    func remove(upTo count: Int) -> Int {
        var removed = 0
        while removed < count, take() { removed += 1 }
        return removed
    }

    private func move(by step: Int) -> Bool {
        var seen = free.load(ordering: .relaxed)
        while seen > 0 {
            let (isDone, now) = free.weakCompareExchange(
                expected: seen, desired: seen + step, ordering: .acquiringAndReleasing)
            if isDone { return true }
            seen = now
        }
        return false
    }
}
