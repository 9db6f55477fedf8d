import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import TestSupport
import Testing

/// Other programs, and attackers, on real sockets.
@Suite struct SocketTests {
    private let echo = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
    }

    /// Runs `body` beside a server, with its URL and a file that holds a message of three bytes.
    private func withTarget(
        tls: Bool, _ body: @Sendable (_ url: String, _ message: String) async throws -> Void
    ) async throws {
        let message = FileManager.default.temporaryDirectory.appending(path: "apus-grpc-\(UUID().uuidString)")
        try Data([0, 0, 0, 0, 3, 1, 2, 3]).write(to: message)
        defer { try? FileManager.default.removeItem(at: message) }
        var settings = GRPCServerSettings()
        if tls { settings.tls = try TestCertificates.forServer(asksClients: false) }
        try await withServer([echo], settings: settings) { port, _ in
            try await body("\(tls ? "https" : "http")://127.0.0.1:\(port)/test.Echo/Echo", message.path)
        }
    }

    private static let fields = ["-H", "content-type: application/grpc", "-H", "te: trailers"]

    /// Every error code that it prints is none.
    private func expectClean(_ text: String) {
        let codes = text.components(separatedBy: "error_code=").dropFirst()
        #expect(codes.allSatisfy { $0.hasPrefix("NO_ERROR") }, "\(text)")
        #expect(!text.contains("[ERROR]"), "\(text)")
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `nghttp gets gRPC's answer, and HTTP's to what is not gRPC`(tls: Bool) async throws {
        try await withTarget(tls: tls) { url, message in
            let plain = try await Peer.run("nghttp", ["-v", url])
            #expect(plain.contains(":status: 405"))
            expectClean(plain)
            let call = try await Peer.run("nghttp", ["-v", "-d", message] + Self.fields + [url])
            #expect(call.contains(":status: 200") && call.contains("grpc-status: 0"), "\(call)")
            expectClean(call)
        }
    }

    /// With windows as they are, and with small ones: 2^12 bytes.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true], [["-m", "32"], ["-m", "8", "-w", "12", "-W", "16"]])
    func `h2load's calls are all answered`(tls: Bool, more: [String]) async throws {
        try await withTarget(tls: tls) { url, message in
            let text = try await Peer.run(
                "h2load", ["-n", "1000", "-c", "4", "-d", message] + more + Self.fields + [url])
            #expect(text.contains("1000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(text)")
            #expect(text.contains("1000 2xx"), "\(text)")
        }
    }

    /// One ping in a burst is fine, many while nothing is sent are "too_many_pings" (gRPC's A8).
    @Test(.timeLimit(.minutes(1))) func `a client that pings too often is told so`() async throws {
        try await withServer([echo]) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            try await raw.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
            for _ in 0..<5 { try? await raw.send(RawFrames.ping()) }
            try await raw.waitUntilClosed(within: .seconds(30))
            #expect(String(decoding: raw.received, as: UTF8.self).contains("too_many_pings"))
            await raw.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `one connection too many, and one that says nothing, are closed`() async throws
    {
        var full = GRPCServerSettings()
        full.maxConnections = 1
        try await withServer([echo], settings: full) { port, server in
            let first = try await RawConnection.connect(port: port)
            try await eventually { server.connectionCount == 1 }
            let second = try await RawConnection.connect(port: port)
            try await second.waitUntilClosed()
            #expect(!first.isClosed)
            await first.close()
            await second.close()
        }
        var hasty = GRPCServerSettings()
        hasty.handshakeTimeout = .milliseconds(50)
        try await withServer([echo], settings: hasty) { port, _ in
            let silent = try await RawConnection.connect(port: port)
            try await silent.waitUntilClosed()
            await silent.close()
        }
    }
}
