import ApusPrimitives
import AsyncHTTPClient
import Foundation
import NIOHTTP1
import TestSupport

/// `shop cluster` as a process, on a data folder of its own.
final class LiveCluster: Sendable {
    typealias Failure = LiveShop.Failure

    let data: String
    private let folder: TemporaryDirectory
    private let process = Locked<Process?>(nil)

    /// - Parameter arguments: further ones for `shop cluster`.
    init(arguments: [String] = []) async throws {
        folder = try TemporaryDirectory()
        data = folder.file("data")
        for name in ["out", "log"] { try Data().write(to: URL(filePath: folder.file(name))) }
        let process = Process()
        process.executableURL = try BuiltProgram.url("shop")
        process.arguments = ["cluster", "--port", "0", "--data", data, "--log-level", "error"] + arguments
        process.standardOutput = FileHandle(forWritingAtPath: folder.file("out"))
        process.standardError = FileHandle(forWritingAtPath: folder.file("log"))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        try await eventually(within: .seconds(180)) {
            guard self.isRunning else { throw Failure(description: "the cluster ended: \(self.log)") }
            return self.output.contains("The shop is open at")
        }
    }

    var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

    /// Its gateways.
    var doors: [String] { members.filter { $0.name.hasPrefix("gateway-") }.compactMap(\.url) }

    /// Its control-plane nodes, if they are its own.
    var nodes: [(name: String, url: String)] {
        members.compactMap { member in
            guard member.name.hasPrefix("node-"), let url = member.url else { return nil }
            return (member.name, url)
        }
    }

    /// Where a member was at the start.
    func url(of name: String) -> String? { members.first { $0.name == name }?.url }

    /// The number of the process that a member runs as now.
    func process(of name: String) throws -> Int32 {
        guard let member = members.last(where: { $0.name == name }) else {
            throw Failure(description: "there is no \(name): \(output)")
        }
        return member.process
    }

    /// All processes that were ever started.
    var processes: [Int32] { members.map(\.process) }

    /// `kill -9`; returns when what was started in its place serves.
    func kill(_ name: String) async throws {
        let victim = try process(of: name)
        let readiness = try announcements(of: name)
        guard Foundation.kill(victim, SIGKILL) == 0 else {
            throw Failure(description: "there is no process \(victim): \(output)")
        }
        try await eventually { try self.process(of: name) != victim }
        let node = nodes.first { $0.name == name }
        try await eventually {
            if let node { return await Self.isReady(node.url) }
            return try self.announcements(of: name) > readiness
        }
    }

    /// How often a service or gateway has said that it is ready.
    private func announcements(of name: String) throws -> Int {
        try String(contentsOfFile: "\(data)/logs/\(name).log", encoding: .utf8)
            .components(separatedBy: "The shop runs in part").count
    }

    static func isReady(_ url: String) async -> Bool {
        guard let answer = try? await Customer.call(HTTPClient.shared, .GET, "\(url)/readyz") else { return false }
        return answer.status == 200
    }

    /// Each line that says as which process a member runs.
    private var members: [(name: String, process: Int32, url: String?)] {
        output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            // "order-1  process 12  http://…" and "order-1 runs again as process 12"
            guard let index = words.firstIndex(of: "process"), index == 1 || words.contains("again"),
                index + 1 < words.count, let process = Int32(words[index + 1])
            else { return nil }
            return (String(words[0]), process, index + 2 < words.count ? String(words[index + 2]) : nil)
        }
    }

    var output: String { (try? String(contentsOfFile: folder.file("out"), encoding: .utf8)) ?? "" }

    /// What it and its members had to say.
    var log: String {
        var text = (try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? ""
        for file in (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/logs").sorted()) ?? [] {
            let log = (try? String(contentsOfFile: "\(data)/logs/\(file)", encoding: .utf8)) ?? ""
            text += "\n== \(file)\n\(log.suffix(1_000))"
        }
        return text
    }

    /// - Returns: its exit status.
    func end(_ signal: Int32) async throws -> Int32 {
        guard let process = process.withLock({ $0 }) else { return 0 }
        if process.isRunning { _ = Foundation.kill(process.processIdentifier, signal) }
        try await eventually { !process.isRunning }
        return process.terminationStatus
    }

    deinit {
        // Its members end with it.
        let last = process.withLock { $0 }
        if let last, last.isRunning { _ = Foundation.kill(last.processIdentifier, SIGKILL) }
    }
}
