import Foundation

/// Sees to it that no shop runs on a data folder for as long as this lives: a shop holds the lock of its registry.
///
/// Only reads: a folder that has no lock file yet stays without one.
final class FolderLock {
    private let descriptor: Int32

    /// - Throws: `AuditCopy.Failure` when a shop runs on the folder.
    init(_ data: URL) throws {
        let path = data.appending(path: "coordination/lock").path(percentEncoded: false)
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        while flock(descriptor, LOCK_SH | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let isHeld = errno == EWOULDBLOCK
            close(descriptor)
            guard isHeld else { throw AuditCopy.Failure(description: "\(path) cannot be locked") }
            let owner = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "unknown"
            throw AuditCopy.Failure(
                description:
                    "a shop runs on \(data.path(percentEncoded: false)) (process \(owner)), and its orders are "
                    + "on their way; stop it first")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
