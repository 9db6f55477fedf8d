import ApusPrimitives
import Foundation
import TestSupport

/// One process of the example `counter`.
final class CounterProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let id: Int
    let port: Int
    private let nodes: String
    private let folder: TemporaryDirectory
    private let process = Locked<Process?>(nil)

    init(id: Int, port: Int, nodes: String, folder: TemporaryDirectory) {
        self.id = id
        self.port = port
        self.nodes = nodes
        self.folder = folder
    }

    func start() throws {
        let process = Process()
        process.executableURL = try BuiltProgram.url("counter")
        process.arguments = [
            "--id", "\(id)", "--nodes", nodes, "--port", "\(port)", "--data", folder.file("\(id)"),
        ]
        let log = folder.file("log-\(id)")
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        let output = FileHandle(forWritingAtPath: log)
        try output?.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
    }

    /// `kill -9`.
    func kill() async throws { try await end(SIGKILL) }

    func stop() async throws { try await end(SIGTERM) }

    private func end(_ signal: Int32) async throws {
        guard let process = process.withLock({ $0 }) else { return }
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, signal) }
        try await eventually { !process.isRunning }
    }

    var log: String { (try? String(contentsOfFile: folder.file("log-\(id)"), encoding: .utf8)) ?? "" }

    /// The number that the JSON of the answer has under `name`; nil for any answer but 200, or none.
    func ask(_ method: String, _ path: String, for name: String) async -> Int? {
        let request = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        guard let response = try? await RawConnection.exchange(request, port: port), response.status == 200,
            let object = try? JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        else { return nil }
        return object[name] as? Int
    }

    /// Tries until there is an answer.
    func insist(_ method: String, _ path: String, for name: String) async throws -> Int {
        var answer: Int?
        do {
            try await eventually {
                answer = await self.ask(method, path, for: name)
                return answer != nil
            }
        } catch {
            throw Failure(description: "node \(id) does not answer \(path): \(log.suffix(2_000))")
        }
        return answer!
    }

    deinit {
        let last = process.withLock { $0 }
        if let last, last.isRunning { _ = Foundation.kill(last.processIdentifier, SIGKILL) }
    }
}
