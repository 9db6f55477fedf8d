import ApusStorage

/// The names of what a durable store keeps in its folder.
///
/// `lock` is held while the store is open. `snapshot` is the state up to some command; `log-<index>` has the commands
/// from that index on, in hexadecimal, until the next such file begins.
struct LogFolder: Sendable {
    static let snapshot = "snapshot"
    static let unfinishedSnapshot = "snapshot.new"
    private static let segmentPrefix = "log-"

    let folder: DiskFolder

    init(path: String, disk: Disk) {
        folder = DiskFolder(path: path, disk: disk)
    }

    var path: String { folder.path }
    var snapshotPath: String { folder.file(Self.snapshot) }
    var unfinishedSnapshotPath: String { folder.file(Self.unfinishedSnapshot) }

    static func segment(_ index: UInt64) -> String {
        DiskFolder.name(segmentPrefix, index)
    }

    func segmentPath(_ index: UInt64) -> String {
        folder.file(Self.segment(index))
    }

    /// - Returns: the lock, to be kept for as long as the folder is used.
    func open() throws -> DiskFile {
        do {
            let lock = try folder.open()
            try folder.remove(Self.unfinishedSnapshot)
            return lock
        } catch DiskFolder.Failure.inUse(let owner) {
            throw CoordinationError(.locked, "the folder \(path) is in use by process \(owner)")
        } catch DiskFolder.Failure.cannotBeMade(let cause) {
            throw CoordinationError(.invalidRequest, "the folder \(path) cannot be made", cause: cause)
        }
    }

    /// The first indexes of the log's files, ascending.
    func segments() throws(DiskError) -> [UInt64] {
        try folder.numbers(Self.segmentPrefix)
    }

    func hasSnapshot() -> Bool {
        folder.has(Self.snapshot)
    }
}
