import ApusPrimitives
import Synchronization

/// One thread of a `ChannelExecutor`, with the jobs that were made ready on it.
// Safe: `makesWork`, `turns`, `pulses` and `keptAlive` belong to the worker's own thread.
final class ExecutorWorker: @unchecked Sendable {
    /// What came from other threads is looked at after so many jobs, even while there are own ones.
    private static let turnsPerForeignLook = 64
    /// The watcher's naps: they grow while there is nothing to take over.
    private static let shortestNapNanoseconds = 50_000
    private static let longestNapNanoseconds = 1_000_000

    /// Unowned without a check, as every `enqueue` looks at it: `keptAlive` holds it while the thread runs.
    unowned(unsafe) let executor: ChannelExecutor
    private var keptAlive: ChannelExecutor?
    let index: Int
    let queue = ExecutorQueue()
    let parker = ThreadParker()
    private let jobsDone = Atomic<UInt64>(0)
    /// Whether it has made work since it last rested.
    private var makesWork = false
    private var turns = 0
    private var pulses: [ExecutorPulse]

    init(_ executor: ChannelExecutor, index: Int, of count: Int) {
        self.executor = executor
        keptAlive = executor
        self.index = index
        pulses = Array(repeating: ExecutorPulse(), count: count)
    }

    /// On the worker's own thread: `job` runs after those that are waiting.
    func append(_ job: UnownedJob) {
        _ = queue.append(job)
        if !makesWork {
            makesWork = true
            executor.needWatcher()
        }
    }

    /// Runs jobs until the executor is shut down.
    func run() {
        let unowned = executor.asUnownedTaskExecutor()
        while true {
            if let job = next() {
                job.runSynchronously(on: unowned)
                jobsDone.store(jobsDone.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            } else if executor.isOver {
                // What is made ready from here on must not land in the queue of a thread that is gone.
                ExecutorThread.leave()
                executor.workerEnded()
                keptAlive = nil
                return
            } else {
                rest()
                makesWork = false
            }
        }
    }

    private func next() -> UnownedJob? {
        turns &+= 1
        if turns % Self.turnsPerForeignLook == 0, let job = executor.foreign.popFirst() { return job }
        return queue.popFirst() ?? executor.foreign.popFirst()
    }

    /// Sleeps until there is work.
    private func rest() {
        var role = executor.rest(index)
        var nap = Self.shortestNapNanoseconds
        var lastLook = lookAround()
        while role != .working {
            // Whoever puts a job in after this look sees that this thread rests, and wakes it.
            if executor.hasForeignWork { return executor.work(index) }
            if role == .sleeping {
                parker.park()
                role = executor.role(index)
                nap = Self.shortestNapNanoseconds
                lastLook = lookAround()
                continue
            }
            if parker.park(nanoseconds: nap) {
                role = executor.role(index)
                continue
            }
            let now = ContinuousClock.now
            if takeOver(now - lastLook) { return executor.work(index) }
            lastLook = now
            nap = min(nap * 2, Self.longestNapNanoseconds)
            role = executor.keepWatch(index)
        }
    }

    /// Sees how far the others are, for the next look.
    private func lookAround() -> ContinuousClock.Instant {
        for other in executor.workers where other !== self { _ = isLate(other, .zero) }
        return .now
    }

    /// Takes half of what waits for too long at another worker.
    private func takeOver(_ elapsed: Duration) -> Bool {
        var tookOver = false
        for other in executor.workers where other !== self && isLate(other, elapsed) {
            guard !tookOver else { continue }
            for job in other.queue.takeHalf() {
                _ = queue.append(job)
                tookOver = true
            }
        }
        return tookOver
    }

    private func isLate(_ other: ExecutorWorker, _ elapsed: Duration) -> Bool {
        pulses[other.index].look(
            waiting: other.queue.count, jobsDone: other.jobsDone.load(ordering: .relaxed), elapsed: elapsed)
    }
}
