import ApusSQL
import Foundation

/// A copy of a shop's databases in a folder that goes away with it, so that looking at them cannot change them.
///
/// Right after a crash a database is its file and the log beside it, and opening it would write the log back. The copy
/// takes both, and is opened instead.
final class AuditCopy: Sendable {
    enum File: String, CaseIterable, Sendable {
        case user = "user.db"
        case cart = "cart.db"
        case inventory = "inventory.db"
        case payment = "payment.db"
        case order = "order.db"
    }

    /// The books cannot be opened at all, which is no finding about them.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let folder: URL
    private let databases: [File: SQLiteDatabase]

    /// - Throws: `Failure`, with a line for a person.
    init(of data: URL) async throws {
        let path = data.path(percentEncoded: false)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            throw Failure(description: "there is no folder \(path)")
        }
        // Held until everything is copied: a shop that began to write in between would leave a copy of two moments.
        let lock = try await Self.lock(data)
        defer { withExtendedLifetime(lock) {} }
        let missing = File.allCases.filter {
            !FileManager.default.fileExists(atPath: data.appending(path: $0.rawValue).path(percentEncoded: false))
        }
        guard missing.isEmpty else {
            let names = missing.map(\.rawValue).joined(separator: ", ")
            throw Failure(description: "\(path) is not the data folder of a whole shop: it has no \(names)")
        }
        folder = FileManager.default.temporaryDirectory.appending(
            path: "shop-audit-\(UUID().uuidString)", directoryHint: .isDirectory)
        do {
            // Customers' data: nobody else on the machine may read the copy.
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: NSNumber(value: 0o700)])
            databases = try Self.open(data, in: folder)
        } catch let failure as Failure {
            try? FileManager.default.removeItem(at: folder)
            throw failure
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw Failure(description: "the books of \(path) cannot be opened: \(error)")
        }
    }

    deinit {
        for database in databases.values { database.close() }
        try? FileManager.default.removeItem(at: folder)
    }

    func database(_ file: File) -> SQLiteDatabase {
        guard let database = databases[file] else { preconditionFailure("every file was opened") }
        return database
    }

    /// Keeps shops off the folder; one that nobody has run in yet stays as it is.
    private static func lock(_ data: URL) async throws -> FileLock? {
        let path = FolderTenancy.registryLock(data)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            // Another audit has it for a moment.
            return try await FileLock(path, .alone, isOwner: false)
        } catch let held as FileLock.Held {
            throw Failure(
                description: "a shop runs on \(data.path(percentEncoded: false)) (process \(held.owner)), and its "
                    + "orders are on their way; stop it first")
        } catch {
            throw Failure(description: "\(path) cannot be locked: \(error)")
        }
    }

    private static func open(_ data: URL, in folder: URL) throws -> [File: SQLiteDatabase] {
        var databases: [File: SQLiteDatabase] = [:]
        for file in File.allCases {
            for name in [file.rawValue, file.rawValue + "-wal"] {
                let source = data.appending(path: name)
                guard FileManager.default.fileExists(atPath: source.path(percentEncoded: false)) else { continue }
                try FileManager.default.copyItem(at: source, to: folder.appending(path: name))
            }
            do {
                databases[file] = try SQLiteDatabase(
                    path: folder.appending(path: file.rawValue).path(percentEncoded: false))
            } catch {
                throw Failure(description: "\(file.rawValue) cannot be opened: \(error)")
            }
        }
        return databases
    }
}
