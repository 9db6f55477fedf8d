import ApusStorage

/// The names of a log's files in its folder.
///
/// `lock` is held while the log is open. `wal-<number>` are the segments, `spare-<number>` files to become segments,
/// `snapshot-<index>-<term>` the snapshots, `snapshot.partial` the one that is arriving, `reserve` room for one.
struct SegmentFolder: Sendable {
    static let partialSnapshot = "snapshot.partial"
    static let reserve = "reserve"
    private static let segmentPrefix = "wal-"
    private static let sparePrefix = "spare-"

    let folder: DiskFolder
    let disk: Disk

    init(path: String, disk: Disk) {
        folder = DiskFolder(path: path, disk: disk)
        self.disk = disk
    }

    static func segment(_ number: UInt64) -> String { DiskFolder.name(segmentPrefix, number) }
    static func spare(_ number: UInt64) -> String { DiskFolder.name(sparePrefix, number) }

    func open(_ name: String, _ access: DiskFile.Access) throws(DiskError) -> DiskFile {
        try DiskFile(folder.file(name), access, disk: disk)
    }

    func segments() throws(DiskError) -> [UInt64] { try folder.numbers(Self.segmentPrefix) }
    func spares() throws(DiskError) -> [UInt64] { try folder.numbers(Self.sparePrefix) }

    /// - Returns: the lock, to be kept for as long as the folder is used.
    func lock() throws -> DiskFile {
        do {
            return try folder.open()
        } catch DiskFolder.Failure.inUse(let owner) {
            throw RaftLogError(.locked, "the folder \(folder.path) is in use by process \(owner)")
        } catch DiskFolder.Failure.cannotBeMade(let cause) {
            throw RaftLogError(.failed, "the folder \(folder.path) cannot be made", cause: cause)
        }
    }
}
