import ApusKV
import ApusPrimitives
import ApusResilience
import ApusStorage
import Foundation
import Logging

/// Hands commands to the log's thread.
final class DurableCommitter: Committer {
    let visible: VisibleState
    private let queue: LogQueue

    /// Opens the folder, brings its store back and starts the thread.
    init(
        folder: LogFolder, limits: EmbeddedStoreLimits, time: TimeSource, logger: Logger, disk: Disk
    ) throws {
        let lock = try folder.open()
        let recovered = try LogRecovery(folder: folder, disk: disk, now: time.now()).run()
        if recovered.tornBytes > 0 {
            logger.notice(
                "cut off the rest of a write that a crash interrupted",
                metadata: ["folder": "\(folder.path)", "bytes": "\(recovered.tornBytes)"])
        }
        visible = VisibleState(recovered.store, watchBacklog: limits.watchBacklog)
        queue = LogQueue(maximumJobs: limits.maximumWaitingWrites, maximumBytes: limits.maximumWaitingBytes)
        let log = try LogWriter(recovered, in: folder, disk: disk)
        let (visible, queue) = (visible, queue)
        let thread = Thread {
            LogThread(
                queue: queue, visible: visible, limits: limits, time: time, logger: logger, disk: disk, lock: lock,
                log: log, snapshotBytes: recovered.snapshotBytes
            ).run()
        }
        thread.name = "apus-log"
        thread.stackSize = 4 * 1024 * 1024
        thread.start()
    }

    deinit {
        try? queue.add(.close(nil))
    }

    var failure: CoordinationError? { queue.failure }

    func commit(_ command: Command) async throws -> CommandResponse {
        let bytes = command.contentBytes
        return try await Waiter.wait { waiter in
            add(.commit(command, waiter), bytes: bytes) { waiter.answer(.failure($0)) }
        }
    }

    func keepAlive(_ lease: LeaseID) async throws -> Int64 {
        try await Waiter.wait { waiter in
            add(.keepAlive(lease, waiter)) { waiter.answer(.failure($0)) }
        }
    }

    func expire(_ leases: [LeaseID]) async throws {
        try await Waiter<Void>.wait { waiter in
            add(.expire(leases, waiter)) { waiter.answer(.failure($0)) }
        }
    }

    func close() async {
        await withCheckedContinuation { continuation in
            add(.close(continuation)) { _ in continuation.resume() }
        }
    }

    private func add(_ job: LogQueue.Job, bytes: Int = 0, onRefusal: (CoordinationError) -> Void) {
        do throws(CoordinationError) {
            try queue.add(job, bytes: bytes)
        } catch {
            onRefusal(error)
        }
    }
}
