import ApusPrimitives
import Synchronization

/// Runs tasks that talk to each other: over channels, or by any other means.
///
///     try await ChannelExecutor.run { … }                          // for as long as the body runs
///     await withTaskExecutorPreference(ChannelExecutor.shared) { … }
///
/// A task that is made ready by another runs on that one's thread, after those that wait there: two tasks that talk share a
/// thread and hand over without waking anybody. A thread that sleeps takes work over from another only when that would
/// otherwise wait for longer than about 20 µs: so work that computes spreads over the threads, within about a tenth of a
/// millisecond, and a thread that a job blocks stalls nothing but that job. A thread is woken only when work comes from
/// outside and somebody sleeps; without work, all sleep.
///
/// Ready tasks run in the order in which they became ready, whatever their priority; one that yields goes to the end. The
/// number of threads never grows: if jobs block all of them, the others wait.
///
/// Source of the scheme: Go's scheduler (a queue for each thread, work stealing, a monitor that looks up at growing
/// intervals), but with taking over by expected waiting time rather than by whoever has nothing to do.
// Safe: `roster` and `whenOver` are reached only while `lock` is held; `workers` is set once, before a thread starts.
public final class ChannelExecutor: TaskExecutor, @unchecked Sendable {
    /// Lives as long as the process, with a thread for each core.
    public static let shared = ChannelExecutor()

    private(set) var workers: [ExecutorWorker] = []
    /// Jobs that came from threads that are not of this executor.
    let foreign = ExecutorQueue()
    private let lock = ShortLock()
    private var roster: ExecutorRoster
    private var alive: Int
    private var whenOver: [UnsafeContinuation<Void, Never>] = []
    /// How many threads a wake could reach.
    private let resting = Atomic<Int>(0)
    private let over = Atomic<Bool>(false)

    /// Starts the threads. They run until `shutdown`.
    ///
    /// - Parameter threads: at least 1; the number of cores when nil.
    public init(threads: Int? = nil) {
        let count = threads ?? ExecutorThread.cores
        precondition(count > 0, "an executor has at least one thread")
        roster = ExecutorRoster(threads: count)
        alive = count
        workers = (0..<count).map { ExecutorWorker(self, index: $0, of: count) }
        for worker in workers { ExecutorThread.start(worker) }
    }

    /// Runs `body`, and the child tasks that it starts, on an executor of its own, which is shut down afterwards.
    public static func run<Result>(
        threads: Int? = nil, _ body: sending () async throws -> Result
    ) async rethrows -> Result {
        let executor = ChannelExecutor(threads: threads)
        do {
            let result = try await withTaskExecutorPreference(executor) { try await body() }
            await executor.shutdown()
            return result
        } catch {
            await executor.shutdown()
            throw error
        }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if let worker = ExecutorThread.worker, worker.executor === self {
            worker.append(job)
        } else if foreign.append(job) {
            if resting.load(ordering: .sequentiallyConsistent) > 0 { wake() }
        } else {
            // The threads are gone. A task that prefers this executor still has to go on somewhere.
            globalConcurrentExecutor.enqueue(ExecutorJob(job))
        }
    }

    /// Runs what is ready, and ends the threads; returns when they have ended. A job that blocks holds it up. Tasks that
    /// become ready later run on the global executor.
    public func shutdown() async {
        over.store(true, ordering: .sequentiallyConsistent)
        await withUnsafeContinuation { continuation in
            lock.lock()
            let isGone = alive == 0
            if !isGone { whenOver.append(continuation) }
            lock.unlock()
            if isGone { continuation.resume() } else { wakeAll() }
        }
    }
}

/// For the workers.
extension ChannelExecutor {
    var isOver: Bool { over.load(ordering: .sequentiallyConsistent) }

    var hasForeignWork: Bool { foreign.count > 0 || isOver }

    func role(_ thread: Int) -> ExecutorRoster.Role {
        withRoster { $0.roles[thread] }
    }

    func rest(_ thread: Int) -> ExecutorRoster.Role {
        withRoster { $0.rest(thread) }
    }

    func keepWatch(_ thread: Int) -> ExecutorRoster.Role {
        withRoster { $0.keepWatch(thread) }
    }

    func work(_ thread: Int) {
        if let watcher = withRoster({ $0.work(thread) }) { workers[watcher].parker.unpark() }
    }

    func needWatcher() {
        guard resting.load(ordering: .relaxed) > 0 else { return }
        if let watcher = withRoster({ $0.needWatcher() }) { workers[watcher].parker.unpark() }
    }

    /// The worker's thread has nothing more to do. The last one closes the queue, if nothing has come meanwhile.
    func workerEnded() {
        lock.lock()
        alive -= 1
        let last = alive == 0
        let waiting = last ? whenOver : []
        if last { whenOver = [] }
        lock.unlock()
        guard last else { return }
        while !foreign.closeIfEmpty() {
            if let job = foreign.popFirst() { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
        }
        for continuation in waiting { continuation.resume() }
    }

    private func wake() {
        if let thread = withRoster({ $0.wake() }) { workers[thread].parker.unpark() }
    }

    private func wakeAll() {
        while let thread = withRoster({ $0.wake() }) { workers[thread].parker.unpark() }
    }

    private func withRoster<Result>(_ body: (inout ExecutorRoster) -> Result) -> Result {
        lock.lock()
        let result = body(&roster)
        resting.store(roster.resting, ordering: .sequentiallyConsistent)
        lock.unlock()
        return result
    }
}
