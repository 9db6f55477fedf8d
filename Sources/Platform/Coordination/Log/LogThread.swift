import ApusKV
import ApusPrimitives
import ApusResilience
import ApusStorage
import Foundation
import Logging

/// The one writer of a durable store: takes what waits, applies it to a copy of the state, puts it on disk with one sync,
/// and only then shows the new state and answers.
///
/// A thread of its own, because it blocks in the disk.
final class LogThread {
    private let queue: LogQueue
    private let visible: VisibleState
    private let limits: EmbeddedStoreLimits
    private let time: TimeSource
    private let logger: Logger
    private let disk: Disk
    private let folder: LogFolder
    private let lock: DiskFile
    private var log: LogWriter?
    private var snapshotBytes: Int
    private var isWritingSnapshot = false
    private var failure: CoordinationError?
    private var closing: [CheckedContinuation<Void, Never>] = []

    /// Commands of one sync: enough to make its cost small, few enough that the first does not wait long for the rest.
    private static let maximumBatch = 1_024
    private static let maximumBatchBytes = 4 * 1024 * 1024

    init(
        queue: LogQueue, visible: VisibleState, limits: EmbeddedStoreLimits, time: TimeSource, logger: Logger,
        disk: Disk, lock: DiskFile, log: LogWriter, snapshotBytes: Int
    ) {
        self.queue = queue
        self.visible = visible
        self.limits = limits
        self.time = time
        self.logger = logger
        self.disk = disk
        self.lock = lock
        self.log = log
        self.snapshotBytes = snapshotBytes
        folder = log.folder
    }

    /// Works until the queue is closed.
    func run() {
        var isClosed = false
        var taken: [LogQueue.Job] = []
        while !isClosed || isWritingSnapshot {
            queue.take(into: &taken)
            var jobs = taken[...]
            while !jobs.isEmpty {
                let batch = jobs.prefix(Self.batchLength(of: jobs))
                jobs = jobs.dropFirst(batch.count)
                process(batch, isClosed: &isClosed)
            }
            startSnapshotIfDue(isClosed: isClosed)
        }
        visible.close()
        log = nil
        lock.unlock()
        for waiter in closing { waiter.resume() }
    }

    private static func batchLength(of jobs: ArraySlice<LogQueue.Job>) -> Int {
        var bytes = 0
        var count = 0
        for job in jobs {
            if case .commit(let command, _) = job { bytes += command.contentBytes }
            if count > 0 && (bytes > maximumBatchBytes || count == maximumBatch) { break }
            count += 1
        }
        return count
    }

    private func process(_ jobs: ArraySlice<LogQueue.Job>, isClosed: inout Bool) {
        var store = visible.snapshot
        var batch = LogBatch(firstIndex: log?.nextIndex ?? 0)
        var answers: [LogAnswer] = []
        answers.reserveCapacity(jobs.count)
        let now = time.now()
        for job in jobs {
            switch job {
            // Whoever has gone meanwhile was told that it may not happen.
            case .commit(_, let waiter) where waiter.isGone: continue
            case .commit(let command, let waiter):
                answers.append(.commit(waiter, commit(command, at: now, to: &store, batch: &batch)))
            case .expire(let leases, let waiter):
                for lease in leases where store.lease(lease)?.hasExpired(at: now) == true {
                    _ = commit(.revoke(lease), at: now, to: &store, batch: &batch)
                }
                answers.append(.expire(waiter))
            case .keepAlive(let lease, let waiter):
                answers.append(
                    .keepAlive(lease, waiter, Result { () throws(KVError) in try store.keepAlive(lease, at: now) }))
            case .snapshotEnded(let result, let rotation): snapshotEnded(result, rotation)
            case .close(let waiter):
                isClosed = true
                if let waiter { closing.append(waiter) }
            }
        }
        if let error = write(batch) {
            refuse(answers, with: error, at: now)
        } else {
            visible.publish(store)
            for answer in answers { answer.resume() }
        }
    }

    private func commit(
        _ command: Command, at now: MonotonicTime, to store: inout KVStore, batch: inout LogBatch
    ) -> Result<CommandResponse, KVError> {
        let before = store.revision
        do throws(KVError) {
            let response = try store.apply(command, at: now)
            if store.revision != before || command.changesMoreThanKeys {
                batch.append(command, revision: store.revision)
            }
            return .success(response)
        } catch {
            return .failure(error)
        }
    }

    /// - Returns: why the batch is not on disk; nil: it is.
    private func write(_ batch: LogBatch) -> CoordinationError? {
        if batch.isEmpty { return nil }
        if let failure { return failure }
        do throws(LogWriter.Failure) {
            try log?.append(batch)
            return nil
        } catch {
            switch error {
            case .full(let cause):
                return CoordinationError(
                    .noSpace, "the disk of \(folder.path) is full", retry: .after(.seconds(1)), cause: cause)
            case .fatal(let cause):
                logger.critical(
                    "the disk failed: nothing is written until a restart",
                    metadata: ["folder": "\(folder.path)", "error": "\(cause)"])
                let later = CoordinationError(
                    .failed, "the disk of \(folder.path) failed; only a restart can know what it holds", cause: cause)
                failure = later
                queue.fail(later)
                var now = later
                now.mayHaveHappened = true
                return now
            }
        }
    }

    /// Answers a batch that is not on disk. Whatever it showed is not so; keep-alives need no disk and hold.
    private func refuse(_ answers: [LogAnswer], with error: CoordinationError, at now: MonotonicTime) {
        var store = visible.snapshot
        var kept: [LogAnswer] = []
        for answer in answers {
            switch answer {
            case .commit(let waiter, _): waiter.answer(.failure(error))
            case .expire(let waiter): waiter.answer(.failure(error))
            case .keepAlive(let lease, let waiter, _):
                kept.append(
                    .keepAlive(lease, waiter, Result { () throws(KVError) in try store.keepAlive(lease, at: now) }))
            }
        }
        visible.publish(store)
        for answer in kept { answer.resume() }
    }

    private func startSnapshotIfDue(isClosed: Bool) {
        guard !isWritingSnapshot, !isClosed, failure == nil, let written = log?.bytesSinceSnapshot,
            written > max(limits.snapshotAfterLogBytes, snapshotBytes)
        else { return }
        let rotation: LogWriter.Rotation
        do throws(DiskError) {
            guard let rotated = try log?.rotate() else { return }
            rotation = rotated
        } catch {
            logger.warning("no snapshot is written", metadata: ["folder": "\(folder.path)", "error": "\(error)"])
            log?.postponeSnapshot()
            return
        }
        isWritingSnapshot = true
        let (store, folder, disk, queue) = (visible.snapshot, folder, disk, queue)
        let thread = Thread {
            let result = Result {
                try SnapshotFile.write(store, lastIndex: rotation.lastIndex, in: folder, disk: disk)
            }
            queue.addInternal(.snapshotEnded(result, rotation))
        }
        thread.name = "apus-snapshot"
        thread.start()
    }

    private func snapshotEnded(_ result: Result<Int, any Error>, _ rotation: LogWriter.Rotation) {
        isWritingSnapshot = false
        do {
            snapshotBytes = try result.get()
            try log?.drop(rotation)
        } catch {
            // The log still has everything; the next snapshot is tried when it has grown by as much again.
            logger.warning("no snapshot was written", metadata: ["folder": "\(folder.path)", "error": "\(error)"])
        }
    }
}

/// What a waiting caller gets when its batch is on disk.
private enum LogAnswer {
    case commit(Waiter<CommandResponse>, Result<CommandResponse, KVError>)
    case keepAlive(LeaseID, Waiter<Int64>, Result<Int64, KVError>)
    case expire(Waiter<Void>)

    func resume() {
        switch self {
        case .commit(let waiter, let result):
            waiter.answer(result.mapError { CoordinationError($0) as any Error })
        case .keepAlive(_, let waiter, let result):
            waiter.answer(result.mapError { CoordinationError($0) as any Error })
        case .expire(let waiter): waiter.answer(.success(()))
        }
    }
}

extension Command {
    /// It may change leases or the history without a new revision.
    fileprivate var changesMoreThanKeys: Bool {
        switch self {
        case .grant, .revoke, .compact: true
        case .put, .delete, .txn: false
        }
    }
}
