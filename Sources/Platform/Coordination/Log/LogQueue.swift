import ApusKV
import ApusPrimitives
import ApusResilience
import ApusStorage

/// What waits for the log's thread, within bounds.
final class LogQueue: Sendable {
    enum Job: Sendable {
        case commit(Command, Waiter<CommandResponse>)
        case keepAlive(LeaseID, Waiter<Int64>)
        case expire([LeaseID], Waiter<Void>)
        /// A snapshot was written, of so many bytes, or failed.
        case snapshotEnded(Result<Int, any Error>, LogWriter.Rotation)
        /// Nothing may follow; resumed when the folder is free.
        case close(CheckedContinuation<Void, Never>?)
    }

    private let jobs: WorkQueue<Job>
    private let failed = Locked<CoordinationError?>(nil)

    init(maximumJobs: Int, maximumBytes: Int) {
        jobs = WorkQueue(maximumJobs: maximumJobs, maximumBytes: maximumBytes)
    }

    /// - Throws: `.overloaded`, `.closed`.
    func add(_ job: Job, bytes: Int = 0) throws(CoordinationError) {
        do throws(WorkQueue<Job>.Refusal) {
            switch job {
            case .commit, .keepAlive, .expire: try jobs.add(job, bytes: bytes)
            case .snapshotEnded: jobs.addInternal(job)
            case .close: try jobs.close(with: job)
            }
        } catch {
            switch error {
            case .closed: throw .closed
            case .overloaded(let count, let bytes):
                throw CoordinationError(
                    .overloaded, "\(count) requests (\(bytes) bytes) wait for the disk",
                    retry: .after(.milliseconds(50)))
            }
        }
    }

    /// From the log's own helpers: always taken, also after the queue was closed.
    func addInternal(_ job: Job) {
        jobs.addInternal(job)
    }

    /// Why nothing can be written any more.
    var failure: CoordinationError? { failed.withLock { $0 } }

    func fail(_ error: CoordinationError) {
        failed.withLock { $0 = error }
    }

    /// Blocks the thread until there is something to do, and takes all of it.
    func take(into jobs: inout [Job]) {
        self.jobs.take(into: &jobs)
    }
}
