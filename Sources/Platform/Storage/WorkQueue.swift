import ApusPrimitives
package import Dispatch

/// What waits for a thread that blocks in the disk, within bounds. One thread takes, any may add.
package final class WorkQueue<Job: Sendable>: Sendable {
    package enum Refusal: Error {
        case closed
        /// So many jobs, of so many bytes, wait already.
        case overloaded(jobs: Int, bytes: Int)
    }

    private struct State {
        var jobs: [Job] = []
        var bytes = 0
        var isClosed = false
    }

    private let maximumJobs: Int
    private let maximumBytes: Int
    private let state = Locked(State())
    private let arrived = DispatchSemaphore(value: 0)

    package init(maximumJobs: Int, maximumBytes: Int) {
        self.maximumJobs = maximumJobs
        self.maximumBytes = maximumBytes
    }

    /// A job that nothing waits before is taken whatever its size.
    package func add(_ job: Job, bytes: Int = 0) throws(Refusal) {
        let isFirst = try state.withLock { state throws(Refusal) in
            if state.isClosed { throw .closed }
            guard state.jobs.isEmpty || state.jobs.count < maximumJobs && state.bytes + bytes <= maximumBytes else {
                throw .overloaded(jobs: state.jobs.count, bytes: state.bytes)
            }
            state.bytes += bytes
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if isFirst { arrived.signal() }
    }

    /// The last job from outside.
    package func close(with job: Job) throws(Refusal) {
        let isFirst = try state.withLock { state throws(Refusal) in
            if state.isClosed { throw .closed }
            state.isClosed = true
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if isFirst { arrived.signal() }
    }

    /// From the store's own helpers: taken whatever waits, also after the queue was closed.
    package func addInternal(_ job: Job) {
        let isFirst = state.withLock { state in
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if isFirst { arrived.signal() }
    }

    /// Blocks the thread until there is something to do, or until `deadline`, and takes all that is there.
    ///
    /// - Parameter jobs: what it held goes; its room is used again.
    package func take(into jobs: inout [Job], until deadline: DispatchTime = .distantFuture) {
        jobs.removeAll(keepingCapacity: true)
        guard arrived.wait(timeout: deadline) == .success else { return }
        state.withLock { state in
            swap(&state.jobs, &jobs)
            state.bytes = 0
        }
    }
}
