#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A system call on a file that failed.
package struct DiskError: Error, CustomStringConvertible {
    package static let sync = "sync"

    package let operation: String
    package let path: String
    /// The system's error number.
    package let number: Int32

    package init(operation: String, path: String, number: Int32) {
        self.operation = operation
        self.path = path
        self.number = number
    }

    /// There is no room, though no system call has said so.
    package static func full(_ operation: String, _ path: String) -> DiskError {
        DiskError(operation: operation, path: path, number: ENOSPC)
    }

    /// There is no room for what was to be written, but nothing is broken.
    ///
    /// A failed sync is never only this: what was to be written may be lost.
    package var isFull: Bool { [ENOSPC, EDQUOT, EFBIG].contains(number) && operation != Self.sync }

    package var description: String { "\(operation) \(path): \(String(cString: strerror(number)))" }
}
