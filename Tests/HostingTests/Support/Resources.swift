import Foundation

/// What this process takes of the machine, for tests that look for leaks.
enum Resources {
    private struct Unknown: Error {}

    static func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { throw Unknown() }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    static func openFiles() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
