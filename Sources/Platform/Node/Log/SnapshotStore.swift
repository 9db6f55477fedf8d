import ApusPrimitives
import ApusRaft
import ApusStorage

/// The snapshots in a log's folder, and the room that is set aside for one.
final class SnapshotStore: Sendable {
    private struct State {
        var newest: SnapshotMetadata?
        var hasReserve = false
        /// The unfinished snapshot that has the reserve's room: until it is done nobody else may take that.
        var borrower: String?
    }

    private static let prefix = "snapshot-"
    private static let unfinishedSuffix = ".new"

    private let folder: SegmentFolder
    private let reserveBytes: Int
    private let onRelease: @Sendable () -> Void
    private let state = Locked(State())

    /// - Parameter onRelease: told when the reserve was given up, so that somebody looks for room for another.
    init(folder: SegmentFolder, reserveBytes: Int, onRelease: @escaping @Sendable () -> Void) {
        self.folder = folder
        self.onRelease = onRelease
        self.reserveBytes = reserveBytes
    }

    var newest: SnapshotMetadata? { state.withLock { $0.newest } }

    static func name(_ snapshot: SnapshotMetadata) -> String {
        DiskFolder.name(DiskFolder.name(prefix, snapshot.index.rawValue) + "-", snapshot.term.rawValue)
    }

    /// Those that are whole, as their names say, ascending.
    private func names() throws(DiskError) -> [String] {
        let length = Self.prefix.utf8.count + 33
        return try folder.folder.names().filter { $0.hasPrefix(Self.prefix) && $0.utf8.count == length }
    }

    /// Finds the newest snapshot, and changes nothing.
    ///
    /// - Throws: `RaftLogError` `.corrupt`, `DiskError`.
    func recover() throws -> SnapshotMetadata? {
        guard let name = try names().last else { return nil }
        let found = try SnapshotReader(try folder.open(name, .read)).metadata
        guard Self.name(found) == name else {
            throw RaftLogError.corrupt(folder.folder.file(name), at: 0, "this is another snapshot than its name says")
        }
        state.withLock { $0.newest = found }
        return found
    }

    /// Removes what a crash left of a snapshot that was being written here.
    func removeUnfinished() throws(DiskError) {
        for name in try folder.folder.names() where name.hasPrefix(Self.prefix) && name.hasSuffix(Self.unfinishedSuffix)
        {
            try folder.folder.remove(name)
        }
    }

    func reader(_ snapshot: SnapshotMetadata) throws -> SnapshotReader {
        guard folder.folder.has(Self.name(snapshot)) else {
            throw RaftLogError(.outdated, "the snapshot of entry \(snapshot.index) is not there")
        }
        return try SnapshotReader(try folder.open(Self.name(snapshot), .read))
    }

    /// A new file for a snapshot; nil: there is one of this entry or of a later one.
    func begin(_ snapshot: SnapshotMetadata) throws(DiskError) -> (writer: SnapshotFileWriter, name: String)? {
        guard isNew(snapshot) else { return nil }
        let name = Self.name(snapshot) + Self.unfinishedSuffix
        var writer: SnapshotFileWriter?
        do throws(DiskError) {
            try usingReserve(for: name) { () throws(DiskError) in
                writer = try SnapshotFileWriter(snapshot, source: nil, to: try folder.open(name, .replace))
            }
        } catch {
            giveBackReserve(of: name)
            throw error
        }
        return writer.map { ($0, name) }
    }

    /// What has arrived of a snapshot from another node.
    func resumePartial() throws(DiskError) -> SnapshotFileWriter? {
        guard folder.folder.has(SegmentFolder.partialSnapshot) else { return nil }
        return try SnapshotFileWriter(resuming: try folder.open(SegmentFolder.partialSnapshot, .readWrite))
    }

    func beginPartial(_ snapshot: SnapshotMetadata, source: NodeID) throws(DiskError) -> SnapshotFileWriter {
        try SnapshotFileWriter(snapshot, source: source, to: try folder.open(SegmentFolder.partialSnapshot, .replace))
    }

    /// Gives a written file, whose content is on disk, its lasting name.
    ///
    /// - Returns: whether it is the newest snapshot now; otherwise it is gone.
    func install(_ snapshot: SnapshotMetadata, from name: String) throws(DiskError) -> Bool {
        defer { giveBackReserve(of: name) }
        guard isNew(snapshot) else {
            try folder.folder.remove(name)
            return false
        }
        try folder.folder.move(name, to: Self.name(snapshot))
        try folder.folder.sync()
        return state.withLock { state in
            if let newest = state.newest, newest.index >= snapshot.index { return false }
            state.newest = snapshot
            return true
        }
    }

    func discard(_ name: String) throws(DiskError) {
        defer { giveBackReserve(of: name) }
        try folder.folder.remove(name)
    }

    /// Removes all but the newest and those that are still used.
    func remove(keeping used: [SnapshotMetadata]) throws(DiskError) {
        let kept = (used + [newest].compactMap { $0 }).map(Self.name)
        // The newest by name is one that just got its name and is not known as the newest yet.
        for name in try names().dropLast() where !kept.contains(name) { try folder.folder.remove(name) }
    }

    private func isNew(_ snapshot: SnapshotMetadata) -> Bool {
        newest.map { $0.index < snapshot.index } ?? true
    }

    /// Whether the room for a snapshot on a full disk is set aside.
    var hasReserve: Bool { reserveBytes == 0 || state.withLock { $0.hasReserve } }

    /// - Throws: when there is no room for it.
    func prepareReserve() throws(DiskError) {
        if hasReserve { return }
        guard state.withLock({ $0.borrower }) == nil else {
            throw DiskError.full("set aside", folder.folder.file(SegmentFolder.reserve))
        }
        do throws(DiskError) {
            let file = try folder.open(SegmentFolder.reserve, .readWrite)
            if try file.size() > reserveBytes { try file.truncate(to: reserveBytes) }
            try file.allocate(reserveBytes)
        } catch {
            try folder.folder.remove(SegmentFolder.reserve)
            throw error
        }
        state.withLock { $0.hasReserve = true }
    }

    /// Does it again without the reserve when there is no room: a snapshot is what makes a log shorter.
    ///
    /// - Parameter name: of the unfinished snapshot; its room is nobody else's until it is installed or discarded.
    func usingReserve(for name: String, _ body: () throws(DiskError) -> Void) throws(DiskError) {
        do throws(DiskError) {
            try body()
        } catch {
            guard error.isFull, try releaseReserve(to: name) else { throw error }
            onRelease()
            try body()
        }
    }

    /// - Returns: whether there was any.
    private func releaseReserve(to name: String) throws(DiskError) -> Bool {
        let had = state.withLock { state in
            guard state.hasReserve else { return false }
            state.hasReserve = false
            state.borrower = name
            return true
        }
        if had { try folder.folder.remove(SegmentFolder.reserve) }
        return had
    }

    private func giveBackReserve(of name: String) {
        state.withLock { state in
            if state.borrower == name { state.borrower = nil }
        }
    }
}
