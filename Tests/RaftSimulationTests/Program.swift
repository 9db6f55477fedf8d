import Foundation
import TestSupport

/// Runs a program of this repository and says what it printed.
enum Program {
    static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func run(
        _ program: URL, _ arguments: [String], within limit: Duration
    ) async throws -> (status: Int32, output: String) {
        let folder = try TemporaryDirectory()
        let path = folder.file("out")
        try Data().write(to: URL(filePath: path))
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        let output = FileHandle(forWritingAtPath: path)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        do {
            try await eventually(within: limit) { !process.isRunning }
        } catch {
            process.terminate()
            throw error
        }
        return (process.terminationStatus, try String(contentsOfFile: path, encoding: .utf8))
    }

    static func script(_ name: String) -> URL {
        repository.appending(path: "scripts/\(name)")
    }
}
