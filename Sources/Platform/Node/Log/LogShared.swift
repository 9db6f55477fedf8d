import ApusPrimitives
import ApusRaft
import ApusStorage
import Dispatch

/// What the log's thread and its callers both see.
final class LogShared: Sendable {
    enum Job: Sendable {
        case write(Write, LogAnswer)
        case compact
        case lookForRoom
        /// Nothing may follow; resumed when the folder is free.
        case close(CheckedContinuation<Void, Never>?)
    }

    private struct State {
        var failure: RaftLogError?
        var isClosing = false
        var hasRoom = true
        var observer: (@Sendable (Bool) -> Void)?
        /// What was asked for and not done yet.
        var compactThrough: LogIndex?
    }

    let path: String
    let queue: WorkQueue<Job>
    private let state = Locked(State())

    init(path: String, options: RaftLogOptions) {
        self.path = path
        queue = WorkQueue(maximumJobs: options.maximumWaitingWrites, maximumBytes: options.maximumWaitingBytes)
    }

    /// Why nothing can be written any more.
    var failure: RaftLogError? { state.withLock { $0.failure } }

    /// What a failed system call means. But for a full disk it is final: after a failed sync the system may call lost pages
    /// clean, and a second sync would lie.
    func error(for error: DiskError) -> RaftLogError {
        let found = RaftLogError(error, in: path)
        return found.code == .full ? found : fail(found)
    }

    /// - Returns: the failure that counts, which is the first one.
    @discardableResult
    func fail(_ error: RaftLogError) -> RaftLogError {
        state.withLock { state in
            if let first = state.failure { return first }
            state.failure = error
            return error
        }
    }

    func add(_ write: Write, bytes: Int, _ answer: @escaping LogAnswer) throws(RaftLogError) {
        if let failure { throw failure }
        do throws(WorkQueue<Job>.Refusal) {
            try queue.add(.write(write, answer), bytes: bytes)
        } catch {
            switch error {
            case .closed: throw RaftLogError(.closed, "the log of \(path) was closed")
            case .overloaded(let jobs, let bytes):
                throw RaftLogError(.overloaded, "\(jobs) writes (\(bytes) bytes) wait for the disk")
            }
        }
    }

    func close(_ continuation: CheckedContinuation<Void, Never>?) {
        state.withLock { $0.isClosing = true }
        do throws(WorkQueue<Job>.Refusal) {
            try queue.close(with: .close(continuation))
        } catch {
            continuation?.resume()
        }
    }

    var isClosing: Bool { state.withLock { $0.isClosing } }

    func compact(through index: LogIndex) {
        let isFirst = state.withLock { state in
            defer { state.compactThrough = max(state.compactThrough ?? .zero, index) }
            return state.compactThrough == nil
        }
        if isFirst { queue.addInternal(.compact) }
    }

    func takeCompaction() -> LogIndex? {
        state.withLock { state in
            defer { state.compactThrough = nil }
            return state.compactThrough
        }
    }

    func lookForRoom() {
        queue.addInternal(.lookForRoom)
    }

    var hasRoom: Bool { state.withLock { $0.hasRoom } }

    func setRoom(_ hasRoom: Bool) {
        let observer = state.withLock { state in
            defer { state.hasRoom = hasRoom }
            return state.hasRoom == hasRoom ? nil : state.observer
        }
        observer?(hasRoom)
    }

    func observeRoom(_ observer: @escaping @Sendable (Bool) -> Void) {
        state.withLock { $0.observer = observer }
    }
}

/// Told when a write is on disk, or will never be.
typealias LogAnswer = @Sendable (Result<Void, RaftLogError>) -> Void
