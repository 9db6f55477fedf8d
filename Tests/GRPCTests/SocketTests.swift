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

    @Test(.timeLimit(.minutes(1))) func `nghttp gets HTTP's answer to what is not gRPC`() async throws {
        try await withServer([echo]) { port, _ in
            let text = try await Peer.run("nghttp", ["-v", "http://127.0.0.1:\(port)/test.Echo/Echo"])
            #expect(text.contains(":status: 405"))
            #expect(!text.contains("error_code=PROTOCOL_ERROR"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `h2load's calls are all answered`() async throws {
        let message = FileManager.default.temporaryDirectory.appending(path: "apus-grpc-\(UUID().uuidString)")
        try Data([0, 0, 0, 0, 3, 1, 2, 3]).write(to: message)
        defer { try? FileManager.default.removeItem(at: message) }
        try await withServer([echo]) { port, _ in
            let text = try await Peer.run(
                "h2load",
                [
                    "-n", "2000", "-c", "4", "-m", "32", "-d", message.path, "-H", "content-type: application/grpc",
                    "-H", "te: trailers", "http://127.0.0.1:\(port)/test.Echo/Echo",
                ])
            #expect(text.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(text)")
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
