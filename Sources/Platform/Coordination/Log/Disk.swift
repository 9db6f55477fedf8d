#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The system calls through which a log changes what is on disk; a test puts others in their place that fail.
///
/// Each returns 0 or more, or the negative error number.
struct Disk: Sendable {
    /// Writes at an offset; may write less than it is given, and says how much.
    var write: @Sendable (_ file: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int
    /// Returns when everything written to the file is on the medium.
    var sync: @Sendable (_ file: Int32) -> Int
    /// Cuts the file off at a length.
    var truncate: @Sendable (_ file: Int32, _ length: Int) -> Int

    static let posix = Disk(
        write: { file, bytes, offset in
            result(pwrite(file, bytes.baseAddress, bytes.count, off_t(offset)))
        },
        sync: { file in
            #if canImport(Darwin)
                result(Int(fcntl(file, F_FULLFSYNC)))
            #else
                result(Int(fdatasync(file)))
            #endif
        },
        truncate: { file, length in
            result(Int(ftruncate(file, off_t(length))))
        })

    private static func result(_ value: Int) -> Int {
        value < 0 ? -Int(errno) : value
    }
}

/// A system call on a file that failed.
struct DiskError: Error, CustomStringConvertible {
    let operation: String
    let path: String
    /// The system's error number.
    let number: Int32

    /// There is no room for what was to be written, but nothing is broken.
    var isFull: Bool { [ENOSPC, EDQUOT, EFBIG].contains(number) }

    var description: String { "\(operation) \(path): \(String(cString: strerror(number)))" }
}
