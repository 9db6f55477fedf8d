import ApusPrimitives
import ApusRaft
import Logging

// A snapshot has what a restart or a new member needs: the sessions, the addresses of the members, and the state machine.
// It is a copy of values, written and read by a thread of its own while the node goes on.
extension Driver {
    func takeSnapshotIfDue() {
        // A large state is not written for every few entries: at most four bytes for each of theirs.
        let due = max(settings.snapshotAfterBytes, min(snapshotBytes / 4, Self.maximumBytesBetweenSnapshots))
        guard bytesSinceSnapshot >= due, !isTakingSnapshot, restoring == nil else { return }
        takeSnapshot { _ in }
    }

    /// They are in memory, and applied again at a start.
    private static let maximumBytesBetweenSnapshots = 256 << 20
    private static let ticksAfterFailedSnapshot: UInt64 = 100

    /// A follower waits for one. After a failure not at once again.
    func takeNeededSnapshot() {
        guard now >= nextNeededSnapshot else { return }
        takeSnapshot { _ in }
    }

    func takeSnapshot(_ done: @escaping @Sendable (NodeError?) -> Void) {
        guard !isTakingSnapshot, restoring == nil, let metadata = raft.snapshotMetadata(at: appliedIndex) else {
            return done(NodeError(.changeUnderWay, "another snapshot is under way", retry: .after(.seconds(1))))
        }
        isTakingSnapshot = true
        bytesSinceSnapshot = 0
        let image = NodeImage(book: book, sessions: sessions)
        let machine = machine.frozen()
        let storage = storage
        elsewhere {
            var writer = try storage.beginSnapshot(metadata)
            do {
                // The writer is taken along by the closure and brought back.
                let sink = Sink(writer)
                var size = 0
                var output = SnapshotOutput { bytes in
                    size += bytes.count
                    try sink.writer.write(bytes)
                }
                try image.write(to: &output)
                try machine(&output)
                try output.finish()
                writer = sink.writer
                try writer.finish()
                return size
            } catch {
                writer.cancel()
                throw error
            }
        } then: { driver, result in
            driver.isTakingSnapshot = false
            switch result {
            case .success(let size):
                driver.snapshotBytes = size
                driver.raft.snapshotTaken(metadata)
                driver.storage.keep(driver.raft.snapshotsInUse)
                driver.metrics.snapshotTaken()
                done(nil)
            case .failure(let error):
                driver.nextNeededSnapshot = driver.now + Self.ticksAfterFailedSnapshot
                driver.logger.error(
                    "a snapshot was not taken", metadata: ["node": "\(driver.id)", "error": "\(error)"])
                done(NodeError(.failed, "the snapshot was not taken", retry: .after(.seconds(10)), cause: error))
            }
        }
    }

    private final class Sink {
        var writer: any NodeSnapshotWriter
        init(_ writer: any NodeSnapshotWriter) { self.writer = writer }
    }

    func readChunk(_ request: Ready.ChunkRequest) {
        let storage = storage
        elsewhere {
            try storage.readSnapshot(request.snapshot, at: request.offset, maximumBytes: request.maximumBytes)
        } then: { driver, result in
            switch result {
            case .success(let (bytes, isLast)): driver.raft.chunkRead(request, bytes: bytes, isLast: isLast)
            case .failure(let error):
                driver.logger.warning(
                    "a snapshot could not be read", metadata: ["node": "\(driver.id)", "error": "\(error)"])
                driver.raft.chunkUnavailable(request)
            }
        }
    }

    /// Replaces all that was applied.
    func restore(_ snapshot: SnapshotMetadata) {
        restoring = snapshot
        committed.removeAll()
        let read = NodeImage.reader(storage, snapshot, machine.restorer())
        elsewhere(read) { driver, result in
            // A newer one may have come in the meantime.
            guard driver.restoring == snapshot else { return }
            switch result {
            case .success(let (image, machine)): driver.restored(snapshot, image, machine)
            case .failure(let error):
                driver.fail(
                    error as? NodeError
                        ?? NodeError(.corrupt, "the snapshot of index \(snapshot.index) can't be read", cause: error))
            }
        }
    }

    private func restored(_ snapshot: SnapshotMetadata, _ image: NodeImage, _ restored: any StateMachine) {
        restoring = nil
        machine.install(restored)
        sessions = image.sessions
        book = image.book
        known.learn(image.book)
        appliedMembers = snapshot.configuration.members
        if book.removed.contains(id) { wasRemoved("it was removed from its cluster") }
        for peer in book.removed where peer != id { askedIsRemoved(peer) }
        appliedIndex = snapshot.index
        bytesSinceSnapshot = 0
        storage.keep(raft.snapshotsInUse)
        updatePeers()
        raft.applied(through: snapshot.index)
        metrics.snapshotRestored()
        machine.restored(at: snapshot.index)
        answerWhatTheSnapshotHas()
        serveReads()
        apply()
    }

    /// Proposals of this node that were applied elsewhere: nobody here knows what the answer was.
    private func answerWhatTheSnapshotHas() {
        guard case .open(let id) = session else { return }
        guard sessions.contains(id) else { return sessionLost() }
        for sequence in outstanding.firstSequence..<outstanding.nextSequence where sessions.has(id, applied: sequence) {
            if let waiter = outstanding.remove(sequence) { finish(waiter) { $0.fail(answerLost()) } }
        }
    }
}

/// What is in a snapshot before the state machine.
struct NodeImage: Sendable {
    let book: MemberBook
    let sessions: Sessions

    private static let version: UInt64 = 1

    init(book: MemberBook = MemberBook(), sessions: Sessions = Sessions()) {
        self.book = book
        self.sessions = sessions
    }

    func write(to output: inout SnapshotOutput) throws {
        try output.write(Self.version)
        try output.write(book.encoded())
        try sessions.write(to: &output)
    }

    init(from input: inout SnapshotInput) throws {
        let version = try input.readNumber()
        guard version == Self.version, let book = MemberBook(decoding: try input.readBytes()) else {
            throw NodeError(.corrupt, "the snapshot is of version \(version), which this node does not know")
        }
        self.book = book
        sessions = try Sessions(from: &input)
    }

    /// Reads a whole snapshot.
    static func reader(
        _ storage: any NodeStorage, _ metadata: SnapshotMetadata,
        _ restore: @escaping @Sendable (inout SnapshotInput) throws -> any StateMachine
    ) -> @Sendable () throws -> (image: NodeImage, machine: any StateMachine) {
        {
            var offset: UInt64 = 0
            var isLast = false
            var input = SnapshotInput {
                if isLast { return nil }
                let piece = try storage.readSnapshot(metadata, at: offset, maximumBytes: 256 << 10)
                offset += UInt64(piece.bytes.count)
                isLast = piece.isLast
                return piece.bytes.array
            }
            let image = try NodeImage(from: &input)
            let machine = try restore(&input)
            guard try input.isAtEnd() else {
                throw NodeError(.corrupt, "the snapshot of index \(metadata.index) has more than was read of it")
            }
            return (image, machine)
        }
    }
}
