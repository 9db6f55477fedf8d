import ApusChannels
import Foundation

/// A program that a command runs, with its own input and output.
enum ChildProgram {
    /// - Returns: its exit status.
    /// - Throws: `CtlFailure` when it cannot be started.
    static func run(_ words: [String], environment: [String: String]) async throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--"] + words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let end = Signal<Int32>()
        process.terminationHandler = { end.send($0.terminationStatus) }
        do {
            try process.run()
        } catch {
            throw CtlFailure(.error, "\(words[0]) cannot be started: \(error.localizedDescription)")
        }
        return try await end.value
    }
}

/// Ctrl-C, and a polite end.
enum InterruptSignals {
    /// Returns when one has come.
    static func wait() async throws {
        let interrupted = Signal<Void>()
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { interrupted.send() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        try await interrupted.value
    }
}
