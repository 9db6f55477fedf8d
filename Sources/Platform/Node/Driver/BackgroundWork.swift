import NIOPosix

/// Where snapshots are read and written: threads that may wait for a disk.
enum BackgroundWork {
    static func run(_ work: @escaping @Sendable () -> Void) {
        NIOThreadPool.singleton.submit { _ in work() }
    }
}
