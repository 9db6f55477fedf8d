import ApusStorage

/// Why the log did not do what it was asked.
public struct RaftLogError: Error, CustomStringConvertible {
    /// What kind of failure it is. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        /// Another process, or another log of this one, has the folder open.
        public static let locked = Code(description: "locked")
        /// What is on disk is not what was written; the message has the file and the byte. Restore the node from the others.
        public static let corrupt = Code(description: "corrupt")
        /// The disk failed. Nobody knows what it holds, so that only a new start may go on; never tried again.
        public static let failed = Code(description: "failed")
        /// There is no room; try again when `RaftLog.hasRoom` holds.
        public static let full = Code(description: "full")
        /// More bytes wait for the disk than may; try again when a write was answered.
        public static let overloaded = Code(description: "overloaded")
        /// The log was closed.
        public static let closed = Code(description: "closed")
        /// There is a snapshot of this index or of a later one already, or none of the one asked for.
        public static let outdated = Code(description: "outdated")
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { "\(code): \(message)" + (cause.map { " (\($0))" } ?? "") }

    static func corrupt(_ path: String, at offset: Int, _ why: String) -> RaftLogError {
        RaftLogError(.corrupt, "\(path) is damaged at byte \(offset): \(why). Nothing was changed")
    }

    /// A system call that failed: there is no room, or there is no going on.
    init(_ error: DiskError, in folder: String) {
        if error.isFull {
            self.init(.full, "the disk of \(folder) is full", cause: error)
        } else {
            self.init(.failed, "the disk of \(folder) failed; only a new start can know what it holds", cause: error)
        }
    }
}
