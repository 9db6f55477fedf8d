import ApusObservability
import Foundation
import Logging

/// Where the log goes, by etcd's --log-outputs.
enum LogOutput {
    /// - Throws: `ServerFlaw` for a file that cannot be written.
    static func open(_ names: [String]) throws(ServerFlaw) -> @Sendable ([UInt8]) -> Void {
        var descriptors: [Int32] = []
        for name in names {
            let descriptor: Int32
            switch name {
            case "default", "stderr", "systemd/journal": descriptor = STDERR_FILENO
            case "stdout": descriptor = STDOUT_FILENO
            default: descriptor = try open(file: name)
            }
            if !descriptors.contains(descriptor) { descriptors.append(descriptor) }
        }
        return { [descriptors] line in
            for descriptor in descriptors { JSONLogHandler.write(line, to: descriptor) }
        }
    }

    /// Appends, so that a file can be rotated by copying and truncating it.
    private static func open(file path: String) throws(ServerFlaw) -> Int32 {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ServerFlaw("--log-outputs: '\(path)' cannot be written: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    static func level(_ name: String) -> Logger.Level {
        switch name {
        case "debug": .debug
        case "warn": .warning
        case "error": .error
        case "panic", "fatal": .critical
        default: .info
        }
    }
}
