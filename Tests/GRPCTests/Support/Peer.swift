import ApusPrimitives
import Foundation
import TestSupport

/// A program of Tests/GRPCPeers: the same service and cases on grpc-go and on grpcio.
final class Peer: Sendable {
    enum Kind: String, CaseIterable, Sendable { case go, python }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "GRPCPeers")

    /// Built once, into a folder that is used again.
    private static let goProgram: Result<URL, any Error> = Result {
        let program = FileManager.default.temporaryDirectory.appending(path: "apus-grpc-go-peer-\(getuid())/peer")
        try FileManager.default.createDirectory(
            at: program.deletingLastPathComponent(), withIntermediateDirectories: true)
        let build = Process()
        build.executableURL = URL(filePath: "/usr/bin/env")
        build.arguments = [
            "GO111MODULE=off", "GOPATH=/usr/share/gocode", "GOFLAGS=", "go", "build", "-o", program.path, ".",
        ]
        build.currentDirectoryURL = folder.appending(path: "go")
        try build.run()
        build.waitUntilExit()
        guard build.terminationStatus == 0 else { throw Failed(description: "go build of the peer failed") }
        return program
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private static func process(_ kind: Kind, _ arguments: [String]) throws -> Process {
        let process = Process()
        switch kind {
        case .go:
            process.executableURL = try goProgram.get()
            process.arguments = arguments
        case .python:
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", folder.appending(path: "python/peer.py").path] + arguments
        }
        return process
    }

    /// Runs one case of the peer's client against our server.
    static func runClient(_ kind: Kind, port: Int, name: String) async throws {
        let process = try process(kind, ["client", "\(port)", name])
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        guard process.terminationStatus == 0, text.contains("passed") else {
            throw Failed(description: "\(kind) \(name): \(text)")
        }
    }

    /// Runs `body` beside the peer's server.
    static func withServer(_ kind: Kind, _ body: (_ port: Int) async throws -> Void) async throws {
        let process = try process(kind, ["server"])
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        defer {
            // It ends with its input.
            try? input.fileHandleForWriting.close()
        }
        let text = Locked("")
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            text.withLock { $0 += String(decoding: data, as: UTF8.self) }
        }
        try await eventually { text.withLock { $0.contains("\n") } }
        let words = text.withLock { $0 }.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, let port = Int(words[1]) else { throw Failed(description: "no port in \(words)") }
        try await body(port)
    }
}
