import ApusResilience
import Foundation
import GRDB

extension SQLiteDatabase {
    /// Writes a copy of the database as it is now to a new file, while others go on reading and writing.
    ///
    /// The copy appears at `destination` complete and on disk, or not at all. Not for a database in memory.
    ///
    /// - Throws: `SQLError`: `misuse` when there is a file at `destination`, `full`, `cannotOpen`, …
    public func backup(to destination: String) async throws {
        guard let path else { throw SQLError(.misuse, "a database in memory has no backup") }
        guard !FileManager.default.fileExists(atPath: destination) else {
            throw SQLError(.misuse, "there is a file at \(destination) already")
        }
        try await Waiter<Void>.wait { waiter in
            DispatchQueue.global(qos: .utility).async {
                guard waiter.begin() else { return }
                waiter.answer(Result { try Self.copy(path, to: destination) }.mapError(SQLError.mapped))
            }
        }
    }

    private static func copy(_ path: String, to destination: String) throws {
        let partial = destination + ".partial"
        try? FileManager.default.removeItem(atPath: partial)
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let source = try DatabaseQueue(path: path, configuration: configuration)
            try source.inDatabase { try $0.execute(sql: "VACUUM INTO ?", arguments: [partial]) }
            try source.close()
            try flush(partial)
            try FileManager.default.moveItem(atPath: partial, toPath: destination)
            try flush((destination as NSString).deletingLastPathComponent)
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw error
        }
    }
}

/// Waits until the file or folder at `path` is on the disk.
private func flush(_ path: String) throws {
    let descriptor = open(path.isEmpty ? "." : path, O_RDONLY)
    guard descriptor >= 0 else { throw SQLError(.ioError, "cannot open \(path) to flush it") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw SQLError(.ioError, "cannot flush \(path)") }
}
