import ApusPrimitives
import DequeModule
import Synchronization

/// Jobs that are ready to run, first in, first out; any thread may put one in or take some out.
///
/// It is bounded by the number of tasks: a task is ready at most once.
// Safe: `jobs` and `takesMore` are reached only while `lock` is held.
final class ExecutorQueue: @unchecked Sendable {
    private let lock = ShortLock()
    private var jobs = Deque<UnownedJob>()
    private var takesMore = true
    /// What `jobs.count` was last, for a look without the lock.
    private let length = Atomic<Int>(0)

    /// May be a moment old, but sees what this thread has put in.
    var count: Int { length.load(ordering: .sequentiallyConsistent) }

    /// - Returns: false when the queue is closed.
    func append(_ job: UnownedJob) -> Bool {
        lock.lock()
        guard takesMore else {
            lock.unlock()
            return false
        }
        jobs.append(job)
        length.store(jobs.count, ordering: .sequentiallyConsistent)
        lock.unlock()
        return true
    }

    func popFirst() -> UnownedJob? {
        guard length.load(ordering: .relaxed) > 0 else { return nil }
        lock.lock()
        let job = jobs.popFirst()
        length.store(jobs.count, ordering: .relaxed)
        lock.unlock()
        return job
    }

    /// Takes the older half, at least one.
    func takeHalf() -> [UnownedJob] {
        lock.lock()
        defer { lock.unlock() }
        let taken = (jobs.count + 1) / 2
        let half = Array(jobs.prefix(taken))
        jobs.removeFirst(taken)
        length.store(jobs.count, ordering: .relaxed)
        return half
    }

    /// Takes nothing more, if it is empty.
    func closeIfEmpty() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        takesMore = !jobs.isEmpty
        return !takesMore
    }
}
