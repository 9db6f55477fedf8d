import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A folder that belongs to one open store at a time.
package struct DiskFolder: Sendable {
    package let path: String
    private let disk: Disk

    package init(path: String, disk: Disk = .posix) {
        self.path = path
        self.disk = disk
    }

    /// Why a folder cannot be had.
    package enum Failure: Error {
        case cannotBeMade(any Error)
        /// Another store has it open: `owner` is the number of its process.
        case inUse(owner: String)
    }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// `prefix` and the number as 16 hexadecimal digits, so that names sort as their numbers do.
    package static func name(_ prefix: String, _ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Makes the folder if it is not there, and locks it.
    ///
    /// - Returns: the lock, to be kept for as long as the folder is used.
    /// - Throws: `Failure`, `DiskError`.
    package func open() throws -> DiskFile {
        try create()
        let lock = try DiskFile(file("lock"), .readWrite)
        guard try lock.lock() else {
            throw Failure.inUse(owner: String(decoding: try lock.read(at: 0, count: 32), as: UTF8.self))
        }
        try lock.truncate(to: 0)
        try lock.write(Array("\(ProcessInfo.processInfo.processIdentifier)".utf8), at: 0)
        return lock
    }

    /// A new folder is only as lasting as its name in the folder above, and that one's, if it is new too.
    private func create() throws {
        var new: [URL] = []
        var folder = URL(filePath: path, directoryHint: .isDirectory).standardizedFileURL
        while !FileManager.default.fileExists(atPath: folder.path(percentEncoded: false)), folder.path() != "/" {
            new.append(folder)
            folder.deleteLastPathComponent()
        }
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Failure.cannotBeMade(error)
        }
        for folder in new {
            let above = folder.deletingLastPathComponent().path(percentEncoded: false)
            try DiskFile(above, .read, disk: disk).sync()
        }
    }

    /// The names of what is in the folder, ascending.
    package func names() throws(DiskError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
        } catch {
            throw DiskError(operation: "list", path: path, number: errno)
        }
    }

    /// The numbers of the files that `name` gave names with this prefix, ascending.
    package func numbers(_ prefix: String) throws(DiskError) -> [UInt64] {
        try names().filter { $0.hasPrefix(prefix) && $0.utf8.count == prefix.utf8.count + 16 }
            .compactMap { UInt64($0.dropFirst(prefix.count), radix: 16) }
    }

    package func has(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: file(name))
    }

    /// Makes new and removed names last.
    package func sync() throws(DiskError) {
        try DiskFile(path, .read, disk: disk).sync()
    }

    package func remove(_ name: String) throws(DiskError) {
        if unlink(file(name)) != 0 && errno != ENOENT {
            throw DiskError(operation: "remove", path: file(name), number: errno)
        }
    }

    package func move(_ name: String, to target: String) throws(DiskError) {
        if rename(file(name), file(target)) != 0 {
            throw DiskError(operation: "rename", path: file(name), number: errno)
        }
    }
}
