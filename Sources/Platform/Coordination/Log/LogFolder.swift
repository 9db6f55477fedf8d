import ApusPrimitives
import Foundation

/// The names of what a durable store keeps in its folder, and what is done to the folder as a whole.
///
/// `lock` is held while the store is open. `snapshot` is the state up to some command; `log-<index>` has the commands
/// from that index on, in hexadecimal, until the next such file begins.
struct LogFolder: Sendable {
    let path: String

    var lockPath: String { path + "/lock" }
    var snapshotPath: String { path + "/snapshot" }
    var unfinishedSnapshotPath: String { path + "/snapshot.new" }

    func segmentPath(_ index: UInt64) -> String {
        let digits = String(index, radix: 16)
        return "\(path)/log-\(String(repeating: "0", count: 16 - digits.count))\(digits)"
    }

    /// Makes the folder if it is not there, and locks it.
    ///
    /// - Returns: the lock, to be kept for as long as the folder is used.
    func open(_ disk: Disk) throws -> DiskFile {
        try create(disk)
        let lock = try DiskFile(lockPath, .readWrite)
        guard try lock.lock() else {
            let owner = String(decoding: try lock.read(at: 0, count: 32), as: UTF8.self)
            throw CoordinationError(.locked, "the folder \(path) is in use by process \(owner)")
        }
        try lock.truncate(to: 0)
        try lock.write(Array("\(ProcessInfo.processInfo.processIdentifier)".utf8), at: 0)
        try remove(unfinishedSnapshotPath)
        return lock
    }

    /// A new folder is only as lasting as its name in the folder above, and that one's, if it is new too.
    private func create(_ disk: Disk) throws {
        var new: [URL] = []
        var folder = URL(filePath: path, directoryHint: .isDirectory).standardizedFileURL
        while !FileManager.default.fileExists(atPath: folder.path(percentEncoded: false)), folder.path() != "/" {
            new.append(folder)
            folder.deleteLastPathComponent()
        }
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw CoordinationError(.invalidRequest, "the folder \(path) cannot be made", cause: error)
        }
        for folder in new {
            let above = folder.deletingLastPathComponent().path(percentEncoded: false)
            try DiskFile(above, .read, disk: disk).sync()
        }
    }

    /// The first indexes of the log's files, ascending.
    func segments() throws -> [UInt64] {
        try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.hasPrefix("log-") && $0.count == 20 }
            .compactMap { UInt64($0.dropFirst(4), radix: 16) }
            .sorted()
    }

    func hasSnapshot() -> Bool {
        FileManager.default.fileExists(atPath: snapshotPath)
    }

    /// Makes new and removed names last.
    func sync(_ disk: Disk = .posix) throws(DiskError) {
        try DiskFile(path, .read, disk: disk).sync()
    }

    func remove(_ file: String) throws(DiskError) {
        if unlink(file) != 0 && errno != ENOENT {
            throw DiskError(operation: "remove", path: file, number: errno)
        }
    }

    func move(_ file: String, to target: String) throws {
        if rename(file, target) != 0 {
            throw DiskError(operation: "rename", path: file, number: errno)
        }
    }
}
