#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An open file, closed with its last reference.
package final class DiskFile: Sendable {
    package let path: String
    private let descriptor: Int32
    private let disk: Disk

    package enum Access {
        case read
        /// Created when it is not there.
        case readWrite
        /// Created, or emptied.
        case replace
    }

    package init(_ path: String, _ access: Access, disk: Disk = .posix) throws(DiskError) {
        self.path = path
        self.disk = disk
        let flags =
            switch access {
            case .read: O_RDONLY
            case .readWrite: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        descriptor = open(path, flags | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw DiskError(operation: "open", path: path, number: errno) }
    }

    deinit {
        // Closing is not enough: a child process between fork and exec has the lock too.
        unlock()
        close(descriptor)
    }

    package func size() throws(DiskError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("stat", errno) }
        return Int(status.st_size)
    }

    /// Up to `count` bytes from `offset` on; less only at the end of the file.
    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw failure("read", errno) }
            if got == 0 { break }
            filled += got
        }
        if filled < count { bytes.removeLast(count - filled) }
        return bytes
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(DiskError) in try write(buffer, at: offset) }
        }
        try result.get()
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DiskError) {
        var written = 0
        while written < bytes.count {
            let result = disk.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[written...]), offset + written)
            if result == -Int(EINTR) { continue }
            // None written and no error: a file system's way to say that there is no room.
            guard result != 0 else { throw failure("write to", ENOSPC) }
            guard result > 0 else { throw failure("write to", Int32(-result)) }
            written += result
        }
    }

    package func sync() throws(DiskError) {
        let result = disk.sync(descriptor)
        guard result >= 0 else { throw failure(DiskError.sync, Int32(-result)) }
    }

    package func truncate(to length: Int) throws(DiskError) {
        let result = disk.truncate(descriptor, length)
        guard result >= 0 else { throw failure("truncate", Int32(-result)) }
    }

    /// Sets room aside for `length` bytes, so that writes below it do not run out of it.
    package func allocate(_ length: Int) throws(DiskError) {
        let result = disk.allocate(descriptor, length)
        guard result >= 0 else { throw failure("allocate", Int32(-result)) }
    }

    /// Locks the file against every other that opened it, in this process or another; the lock goes with the file.
    ///
    /// - Returns: whether nobody else has it.
    package func lock() throws(DiskError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw failure("lock", errno) }
        }
        return true
    }

    package func unlock() {
        flock(descriptor, LOCK_UN)
    }

    private func failure(_ operation: String, _ number: Int32) -> DiskError {
        DiskError(operation: operation, path: path, number: number)
    }
}
