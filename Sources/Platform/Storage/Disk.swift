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
package struct Disk: Sendable {
    /// Writes at an offset; may write less than it is given, and says how much.
    package var write: @Sendable (_ file: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int
    /// Returns when everything written to the file is on the medium.
    package var sync: @Sendable (_ file: Int32) -> Int
    /// Cuts the file off at a length.
    package var truncate: @Sendable (_ file: Int32, _ length: Int) -> Int

    /// Sets blocks aside up to a length, so that writes below it find room; the file is made that long, filled with zeros.
    package var allocate: @Sendable (_ file: Int32, _ length: Int) -> Int

    package init(
        write: @escaping @Sendable (_ file: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int,
        sync: @escaping @Sendable (_ file: Int32) -> Int,
        truncate: @escaping @Sendable (_ file: Int32, _ length: Int) -> Int,
        allocate: @escaping @Sendable (_ file: Int32, _ length: Int) -> Int
    ) {
        self.write = write
        self.sync = sync
        self.truncate = truncate
        self.allocate = allocate
    }

    package static let posix = Disk(
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
        },
        allocate: { file, length in
            #if os(Linux)
                let error = posix_fallocate(file, 0, off_t(length))
                // A file system that can't set room aside still takes the file; it may run out of room later.
                return error == EOPNOTSUPP ? result(Int(ftruncate(file, off_t(length)))) : -Int(error)
            #else
                return result(Int(ftruncate(file, off_t(length))))
            #endif
        })

    private static func result(_ value: Int) -> Int {
        value < 0 ? -Int(errno) : value
    }
}
