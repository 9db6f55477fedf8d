public import ApusPrimitives
public import ApusRaft

/// A storage in a folder: `RaftLog`, as a node uses it.
///
/// What a node is told is on disk survives the death of the process and the loss of power at any moment. A failed sync ends
/// the node; a full disk holds its writes back until there is room.
public final class DiskStorage: NodeStorage {
    private struct Listener: Sendable {
        var tell: (@Sendable (NodeStorageEvent) -> Void)?
    }

    private let log: RaftLog
    private let listener = Locked(Listener())
    /// The snapshot that was read last: its pieces are read one by one.
    private let reader = Locked<SnapshotReader?>(nil)
    public let recovered: PersistentState

    private init(log: RaftLog, recovered: PersistentState) {
        self.log = log
        self.recovered = recovered
    }

    /// Opens the folder, which is made when it is not there. Blocks until everything is read.
    ///
    /// - Throws: `NodeError`: `.failed` when another process has the folder open or the disk refuses; `.corrupt`, with the file
    ///   and the byte, when what is there is not what was written; `.noSpace`.
    public static func open(folder: String, options: RaftLogOptions = RaftLogOptions()) throws -> DiskStorage {
        do throws(RaftLogError) {
            let (log, found) = try RaftLog.open(folder: folder, options: options)
            return DiskStorage(log: log, recovered: found.state)
        } catch {
            throw NodeError(error)
        }
    }

    public func start(_ events: @escaping @Sendable (NodeStorageEvent) -> Void) {
        listener.withLock { $0.tell = events }
        log.onRoomChange { events(.writable($0)) }
        if !log.hasRoom { events(.writable(false)) }
    }

    public func append(_ write: Write) {
        let sequence = write.sequence
        let events = listener.withLock { $0.tell }
        do throws(RaftLogError) {
            try log.append(write) { result in
                switch result {
                case .success: events?(.persisted(through: sequence))
                case .failure(let error): if error.code != .closed { events?(.failed(NodeError(error))) }
                }
            }
        } catch {
            // The core never has so much under way that the log refuses it.
            if error.code != .closed { events?(.failed(NodeError(error))) }
        }
    }

    public func beginSnapshot(_ metadata: SnapshotMetadata) throws -> any NodeSnapshotWriter {
        do throws(RaftLogError) {
            return Writer(writer: try log.writeSnapshot(metadata), log: log)
        } catch {
            throw NodeError(error)
        }
    }

    public func readSnapshot(
        _ metadata: SnapshotMetadata, at offset: UInt64, maximumBytes: Int
    ) throws -> (bytes: Bytes, isLast: Bool) {
        do throws(RaftLogError) {
            let reader = try reader(metadata)
            let bytes = try reader.read(at: offset, maximumBytes: maximumBytes)
            return (bytes, offset + UInt64(bytes.count) >= reader.byteCount)
        } catch {
            throw NodeError(error)
        }
    }

    private func reader(_ metadata: SnapshotMetadata) throws(RaftLogError) -> SnapshotReader {
        if let known = reader.withLock({ $0 }), known.metadata == metadata { return known }
        let opened = try log.readSnapshot(metadata)
        reader.withLock { $0 = opened }
        return opened
    }

    public func keep(_ snapshots: [SnapshotMetadata]) {
        let log = log
        reader.withLock { reader in
            if let known = reader?.metadata, !snapshots.contains(known) { reader = nil }
        }
        // What can't be removed now is removed after the next snapshot.
        BackgroundWork.run { try? log.removeSnapshots(keeping: snapshots) }
    }

    public func close() async {
        listener.withLock { $0.tell = nil }
        await log.close()
    }

    private struct Writer: NodeSnapshotWriter {
        var writer: SnapshotWriter?
        let log: RaftLog

        mutating func write(_ bytes: [UInt8]) throws {
            do throws(RaftLogError) {
                try writer?.append(Bytes(bytes))
            } catch {
                throw NodeError(error)
            }
        }

        mutating func finish() throws {
            guard let writer else { return }
            do throws(RaftLogError) {
                try writer.finish()
            } catch {
                throw NodeError(error)
            }
            log.compact(through: writer.metadata.index)
        }

        mutating func cancel() { writer = nil }
    }
}

extension NodeError {
    init(_ error: RaftLogError) {
        switch error.code {
        case .corrupt: self.init(.corrupt, error.message, cause: error.cause)
        case .full: self.init(.noSpace, error.message, retry: .after(.seconds(1)), cause: error.cause)
        case .closed: self.init(.stopped, error.message, cause: error.cause)
        default: self.init(.failed, error.message, cause: error.cause)
        }
    }
}
