import Foundation
import TestSupport

/// Runs a program of this repository and says what it printed.
enum Program {
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

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

    /// The `simulate` that was built with these tests: it lies beside their bundle.
    static func simulate() throws -> URL {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let places = [own, CommandLine.arguments[0]] + Bundle.allBundles.map { $0.bundlePath }
        for place in places {
            var folder = URL(filePath: place)
            for _ in 0..<4 {
                folder = folder.deletingLastPathComponent()
                let candidate = folder.appending(path: "simulate")
                if FileManager.default.isExecutableFile(atPath: candidate.path(percentEncoded: false)) {
                    return candidate
                }
            }
        }
        throw Missing(description: "there is no simulate beside \(places.joined(separator: ", "))")
    }
}
