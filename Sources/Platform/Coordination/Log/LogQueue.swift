import ApusKV
import ApusPrimitives
import ApusResilience
import Dispatch

/// What waits for the log's thread, within bounds.
final class LogQueue: Sendable {
    enum Job {
        case commit(Command, Waiter<CommandResponse>)
        case keepAlive(LeaseID, Waiter<Int64>)
        case expire([LeaseID], Waiter<Void>)
        /// A snapshot was written, of so many bytes, or failed.
        case snapshotEnded(Result<Int, any Error>, LogWriter.Rotation)
        /// Nothing may follow; resumed when the folder is free.
        case close(CheckedContinuation<Void, Never>?)
    }

    private struct State {
        var jobs: [Job] = []
        var bytes = 0
        var isClosed = false
        var failure: CoordinationError?
    }

    private let maximumJobs: Int
    private let maximumBytes: Int
    private let state = Locked(State())
    private let arrived = DispatchSemaphore(value: 0)

    init(maximumJobs: Int, maximumBytes: Int) {
        self.maximumJobs = maximumJobs
        self.maximumBytes = maximumBytes
    }

    /// - Throws: `.overloaded`, `.closed`.
    func add(_ job: Job, bytes: Int = 0) throws(CoordinationError) {
        let wasEmpty = try state.withLock { state throws(CoordinationError) in
            if state.isClosed { throw .closed }
            switch job {
            case .commit, .keepAlive, .expire:
                guard state.jobs.count < maximumJobs, state.bytes + bytes <= maximumBytes else {
                    throw CoordinationError(
                        .overloaded, "\(state.jobs.count) requests (\(state.bytes) bytes) wait for the disk",
                        retry: .after(.milliseconds(50)))
                }
            case .snapshotEnded: break
            case .close: state.isClosed = true
            }
            state.bytes += bytes
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if wasEmpty { arrived.signal() }
    }

    /// From the log's own helpers: always taken, also after the queue was closed.
    func addInternal(_ job: Job) {
        let wasEmpty = state.withLock { state in
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if wasEmpty { arrived.signal() }
    }

    /// Why nothing can be written any more.
    var failure: CoordinationError? { state.withLock { $0.failure } }

    func fail(_ error: CoordinationError) {
        state.withLock { $0.failure = error }
    }

    /// Blocks the thread until there is something to do, and takes all of it.
    func take() -> [Job] {
        arrived.wait()
        return state.withLock { state in
            defer {
                state.jobs = []
                state.bytes = 0
            }
            return state.jobs
        }
    }
}
