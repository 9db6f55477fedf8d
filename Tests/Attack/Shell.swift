import Foundation

/// Runs programs of the system.
enum Shell {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs a command and waits for it; returns what it printed.
    ///
    /// - Throws: `Failure` with what it said, when it ends otherwise than well.
    @discardableResult
    static func run(_ command: String...) throws -> String {
        let process = try start(command, output: nil)
        let pipe = process.standardOutput as? Pipe
        let output = pipe?.fileHandleForReading.readDataToEndOfFile() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command.joined(separator: " ")): \(text)")
        }
        return text
    }

    /// Starts a command that goes on.
    ///
    /// - Parameter output: the file that what it says is added to; nil for a pipe.
    static func start(_ command: [String], output: URL?) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = FileHandle.nullDevice
        if let output {
            if !FileManager.default.fileExists(atPath: output.path) { try Data().write(to: output) }
            let handle = try FileHandle(forWritingTo: output)
            try handle.seekToEnd()
            process.standardOutput = handle
            process.standardError = handle
        } else {
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
        }
        try process.run()
        return process
    }
}
