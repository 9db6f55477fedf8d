import ApusPrimitives
import Foundation

/// One process that answers etcd's API. It ends with the last reference to it.
public final class EtcdProcess: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public let name: String
    public let clientURL: String
    public let clientPort: Int
    public let peerURL: String
    /// Where it keeps its data.
    public let dataPath: String
    private let program: EtcdProgram
    private let flags: [String]
    private let logPath: String
    private let process = Locked<Process?>(nil)

    init(
        name: String, program: EtcdProgram, clientURL: String, clientPort: Int, peerURL: String, dataPath: String,
        logPath: String, flags: [String]
    ) {
        self.name = name
        self.program = program
        self.clientURL = clientURL
        self.clientPort = clientPort
        self.peerURL = peerURL
        self.dataPath = dataPath
        self.logPath = logPath
        self.flags = flags
    }

    /// Starts the process, with its data of before; it need not be ready when this returns.
    public func start() throws {
        let process = Process()
        process.executableURL = program.url
        process.arguments = program.arguments + flags
        if !FileManager.default.fileExists(atPath: logPath) { try Data().write(to: URL(filePath: logPath)) }
        let output = FileHandle(forWritingAtPath: logPath)
        try output?.seekToEnd()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        // What is set for the tests is not for the servers.
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("ETCD") }
        try process.run()
        self.process.withLock { $0 = process }
    }

    /// Waits until it takes connections; without TLS also until it has a leader.
    ///
    /// - Throws: `Failure` with the end of its log.
    public func waitUntilReady(within limit: Duration = .seconds(60)) async throws {
        do {
            try await eventually(within: limit) {
                guard self.isRunning else { throw Failure(description: "it ended") }
                return await self.isReady()
            }
        } catch {
            throw Failure(description: "\(program) \(name) is not ready: \(error)\n\(log.suffix(2_000))")
        }
    }

    private func isReady() async -> Bool {
        guard !clientURL.hasPrefix("https:") else {
            return (try? await RawConnection.connect(port: clientPort)) != nil
        }
        let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        guard let response = try? await RawConnection.exchange(request, port: clientPort) else { return false }
        return response.status == 200
    }

    public var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    /// The process that runs now, or the last one.
    public var processID: Int32 { process.withLock { $0?.processIdentifier ?? 0 } }

    /// `kill -9`.
    public func kill() async throws { try await end(SIGKILL) }

    public func stop() async throws { try await end(SIGTERM) }

    /// Freezes it, until `resume`.
    public func pause() { signal(SIGSTOP) }

    public func resume() { signal(SIGCONT) }

    private func end(_ number: Int32) async throws {
        guard let process = process.withLock({ $0 }) else { return }
        signal(number)
        try await eventually { !process.isRunning }
    }

    private func signal(_ number: Int32) {
        guard let process = process.withLock({ $0 }), process.isRunning else { return }
        _ = Foundation.kill(process.processIdentifier, number)
    }

    public var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    deinit {
        signal(SIGKILL)
    }
}
