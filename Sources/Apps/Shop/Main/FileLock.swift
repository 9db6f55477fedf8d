import Foundation

/// A lock on a file, which the system takes back when its process ends, however that is.
final class FileLock: Sendable {
    enum Kind: Sendable {
        /// With others of this kind.
        case shared
        /// Without anybody else.
        case alone
    }

    /// Somebody else has it: `owner` is what the file says of who that is.
    struct Held: Error {
        let owner: String
    }

    private let descriptor: Int32

    /// Takes the lock, or waits for it for up to `patience`.
    ///
    /// - Parameter isOwner: makes the file if it is not there, and writes the number of this process into it.
    /// - Throws: `Held`, `POSIXError`, `CancellationError`.
    init(_ path: String, _ kind: Kind, isOwner: Bool = true, patience: Duration = .seconds(2)) async throws {
        // What is thrown from here on is followed by `deinit`, which closes it.
        descriptor = open(path, (isOwner ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let end = ContinuousClock.now + patience
        while flock(descriptor, (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
            guard ContinuousClock.now < end else {
                throw Held(owner: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        guard isOwner else { return }
        let text = Array("\(ProcessInfo.processInfo.processIdentifier)".utf8)
        // Only for a person who wonders who has it.
        _ = pwrite(descriptor, text, text.count, 0)
        _ = ftruncate(descriptor, off_t(text.count))
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
