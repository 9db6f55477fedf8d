import Foundation

/// Moves the time of day that one process sees, and nobody else's: the library `AttackClock`, loaded into it, adds what it finds
/// in a file.
///
/// Only those are fooled that ask libc for the time, as ours does: Go's programs ask the kernel.
struct ServerClock {
    private let file: URL

    /// - Throws: when the file cannot be written.
    init(file: URL) throws {
        self.file = file
        try Data(count: MemoryLayout<Int64>.size).write(to: file)
    }

    /// What the process is started with.
    var environment: [String] {
        ["env", "LD_PRELOAD=\(Self.library.path)", "APUS_CLOCK_FILE=\(file.path)"]
    }

    /// It was built beside this program.
    private static var library: URL {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: own).deletingLastPathComponent().appending(path: "libAttackClock.so")
    }

    /// At once: the process has the file mapped.
    func move(to seconds: Int64) throws {
        let handle = try FileHandle(forUpdating: file)
        try handle.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
        try handle.close()
    }
}
