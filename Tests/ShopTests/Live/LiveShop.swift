import ApusPrimitives
import AsyncHTTPClient
import Foundation
import TestSupport

/// The real executable on a data folder of its own: started, killed and started again on one port.
final class LiveShop: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let data: String
    let port: Int
    private let folder: TemporaryDirectory
    private let arguments: [String]
    private let environment: [String: String]
    private let process = Locked<Process?>(nil)
    private let starts = Locked(0)

    /// - Parameters:
    ///   - arguments: further ones for `shop run`.
    ///   - environment: further variables.
    init(arguments: [String] = [], environment: [String: String] = [:]) async throws {
        folder = try TemporaryDirectory()
        data = folder.file("data")
        self.arguments = arguments
        self.environment = environment
        port = try await freePorts(1)[0]
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// Starts the process, and does not wait for it.
    func launch() throws {
        let log = folder.file("log")
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        try Data().write(to: URL(filePath: folder.file("out")))
        let process = Process()
        process.executableURL = try BuiltProgram.url("shop")
        process.arguments = ["run", "--port", String(port), "--data", data, "--log-level", "error"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = FileHandle(forWritingAtPath: folder.file("out"))
        let errors = FileHandle(forWritingAtPath: log)
        try errors?.seekToEnd()
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        starts.withLock { $0 += 1 }
    }

    /// Starts the process and returns when it has said that it is open.
    func start(within limit: Duration = .seconds(60)) async throws {
        try launch()
        do {
            try await eventually(within: limit) {
                guard self.isRunning else { throw Failure(description: "the shop ended: \(self.log)") }
                return self.output.contains("The shop is open at")
            }
        } catch is NeverHeld {
            throw Failure(description: "the shop did not open: \(log)")
        }
    }

    var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    /// `kill -9`.
    func kill() async throws { try await end(SIGKILL) }

    /// Stops it as an operator would.
    ///
    /// - Returns: its exit status.
    @discardableResult
    func stop() async throws -> Int32 { try await end(SIGTERM) }

    @discardableResult
    private func end(_ signal: Int32) async throws -> Int32 {
        guard let process = process.withLock({ $0 }) else { return 0 }
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, signal) }
        try await eventually(within: .seconds(60)) { !process.isRunning }
        return process.terminationStatus
    }

    /// What it wrote to standard output since its last start.
    var output: String { (try? String(contentsOfFile: folder.file("out"), encoding: .utf8)) ?? "" }

    /// The end of what it wrote to standard error since the first start.
    var log: String { String(((try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? "").suffix(4000)) }

    /// The address of each instance, by its identifier, as it was printed.
    var instances: [(id: String, port: Int)] {
        output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard line.hasPrefix("  "), words.count == 2, words[1].hasPrefix("http://127.0.0.1:"),
                let port = Int(words[1].split(separator: ":").last ?? "")
            else { return nil }
            return (String(words[0]), port)
        }
    }

    /// Resident memory in bytes.
    var residentBytes: Int { (status("VmRSS") ?? 0) * 1024 }

    /// Threads of the process.
    var threads: Int { status("Threads") ?? 0 }

    /// Open files and sockets of the process.
    var descriptors: Int {
        guard let id = processID else { return 0 }
        return (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").count) ?? 0
    }

    var processID: Int32? { process.withLock { $0?.processIdentifier } }

    /// A number in `/proc/PID/status`.
    private func status(_ name: String) -> Int? {
        guard let id = processID, let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") })
        else { return nil }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
    }

    /// Runs `shop audit` on the data.
    func audit() async throws -> (status: Int32, output: String) {
        try await Self.run(["audit", "--data", data])
    }

    static func run(
        _ arguments: [String], environment: [String: String]? = nil
    ) async throws -> (status: Int32, output: String) {
        let folder = try TemporaryDirectory()
        let path = folder.file("out")
        try Data().write(to: URL(filePath: path))
        let process = Process()
        process.executableURL = try BuiltProgram.url("shop")
        process.arguments = arguments
        if let environment { process.environment = environment }
        let output = FileHandle(forWritingAtPath: path)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try await eventually(within: .seconds(60)) { !process.isRunning }
        return (process.terminationStatus, try String(contentsOfFile: path, encoding: .utf8))
    }

    deinit {
        let last = process.withLock { $0 }
        if let last, last.isRunning { _ = Foundation.kill(last.processIdentifier, SIGKILL) }
    }
}
