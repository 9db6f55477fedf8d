import ApusPrimitives
import Foundation
import TestSupport

/// A program of Tests/GRPCPeers: the same service and cases on grpc-go and on grpcio.
final class Peer: Sendable {
    enum Kind: String, CaseIterable, Sendable { case go, python }

    /// What both sides of a test speak.
    enum Security: String, CaseIterable, Sendable { case plain, tls, mutual }

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

    /// The certificates as files, for other programs.
    private static let certificates: Result<TemporaryDirectory, any Error> = Result {
        let folder = try TemporaryDirectory()
        for (name, text) in [
            ("ca.pem", TestCertificates.authority), ("server.pem", TestCertificates.server),
            ("server.key", TestCertificates.serverKey), ("client.pem", TestCertificates.client),
            ("client.key", TestCertificates.clientKey),
        ] {
            try text.write(toFile: folder.file(name), atomically: true, encoding: .utf8)
        }
        return folder
    }

    private static func process(_ kind: Kind, _ security: Security, _ arguments: [String]) throws -> Process {
        let process = Process()
        let arguments = security == .plain ? arguments : arguments + [security.rawValue, try certificates.get().path]
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

    /// Runs a program to its end, and returns what it printed.
    static func run(_ program: String, _ arguments: [String]) async throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    /// Runs cases of the peer's client against our server.
    static func runClient(_ kind: Kind, _ security: Security = .plain, port: Int, names: [String]) async throws {
        let process = try process(kind, security, ["client", "\(port)", names.joined(separator: ",")])
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        guard process.terminationStatus == 0, text.contains("passed") else {
            throw Failed(description: "\(kind), \(security): \(text)")
        }
    }

    /// Runs `body` beside the peer's server.
    static func withServer(
        _ kind: Kind, _ security: Security = .plain, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let process = try process(kind, security, ["server"])
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
        guard words.count >= 2, words[0] == "port", let port = Int(words[1]) else {
            throw Failed(description: "no port in \(words)")
        }
        try await body(port)
    }
}
