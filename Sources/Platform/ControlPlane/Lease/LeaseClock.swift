import ApusKV
import ApusPrimitives
import HeapModule

/// When each lease ends, as the leader counts; a value, which is handed the time.
///
/// To renew a lease is to write down a later moment: the queue of moments notices when the earlier one comes.
struct LeaseClock: Sendable {
    private struct Moment: Comparable, Sendable {
        let time: MonotonicTime
        let lease: LeaseID

        static func < (left: Self, right: Self) -> Bool {
            left.time != right.time ? left.time < right.time : left.lease < right.lease
        }
    }

    private struct Entry: Sendable {
        var ends: MonotonicTime
        /// Its moment in the queue; never after `ends`.
        var queued: MonotonicTime
    }

    private var entries: [LeaseID: Entry] = [:]
    private var queue = Heap<Moment>()

    init() {}

    var count: Int { entries.count }
    /// Moments that wait, also those of leases that are gone.
    var queued: Int { queue.count }

    /// Begins a lease, or begins it anew.
    mutating func start(_ lease: LeaseID, ttlSeconds: Int64, at now: MonotonicTime) {
        let ends = now + .seconds(ttlSeconds)
        if let entry = entries[lease], entry.queued <= ends {
            entries[lease]?.ends = ends
            return
        }
        entries[lease] = Entry(ends: ends, queued: ends)
        queue.insert(Moment(time: ends, lease: lease))
        // Moments of leases that are gone wait for their time; they may not become more than those that count.
        if queue.count > 2 * entries.count + 1_024 {
            entries = entries.mapValues { Entry(ends: $0.ends, queued: $0.ends) }
            queue = Heap(entries.map { Moment(time: $0.value.ends, lease: $0.key) })
        }
    }

    mutating func end(_ lease: LeaseID) {
        entries[lease] = nil
    }

    mutating func removeAll() {
        self = LeaseClock()
    }

    /// When it ends; nil for an unknown one.
    func ends(_ lease: LeaseID) -> MonotonicTime? {
        entries[lease]?.ends
    }

    /// Takes those that have ended, longest ago first, at most `limit`. Each is told once, until `retry` or `start`.
    mutating func expired(at now: MonotonicTime, limit: Int) -> [LeaseID] {
        var expired: [LeaseID] = []
        while expired.count < limit, let first = queue.min, first.time <= now {
            queue.removeMin()
            guard let entry = entries[first.lease], entry.queued == first.time else { continue }
            if entry.ends <= now {
                expired.append(first.lease)
            } else {
                entries[first.lease]?.queued = entry.ends
                queue.insert(Moment(time: entry.ends, lease: first.lease))
            }
        }
        return expired
    }

    /// An expired lease could not be revoked: it is told again from `time` on.
    mutating func retry(_ lease: LeaseID, at time: MonotonicTime) {
        guard entries[lease] != nil else { return }
        entries[lease]?.queued = time
        queue.insert(Moment(time: time, lease: lease))
    }
}
