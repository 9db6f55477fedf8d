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

    private func run(_ program: String, _ arguments: [String]) async throws -> String {
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

    @Test(.timeLimit(.minutes(1))) func `nghttp gets HTTP's answer to what is not gRPC`() async throws {
        try await withServer([echo]) { port, _ in
            let text = try await run("nghttp", ["-v", "http://127.0.0.1:\(port)/test.Echo/Echo"])
            #expect(text.contains(":status: 405"))
            #expect(!text.contains("error_code=PROTOCOL_ERROR"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `h2load's calls are all answered`() async throws {
        let message = FileManager.default.temporaryDirectory.appending(path: "apus-grpc-\(UUID().uuidString)")
        try Data([0, 0, 0, 0, 3, 1, 2, 3]).write(to: message)
        defer { try? FileManager.default.removeItem(at: message) }
        try await withServer([echo]) { port, _ in
            let text = try await run(
                "h2load",
                [
                    "-n", "2000", "-c", "4", "-m", "32", "-d", message.path, "-H", "content-type: application/grpc",
                    "-H", "te: trailers", "http://127.0.0.1:\(port)/test.Echo/Echo",
                ])
            #expect(text.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(text)")
        }
    }

    /// Each flood ends its own connection with GOAWAY and ENHANCE_YOUR_CALM, while another connection's calls go on.
    @Test(.timeLimit(.minutes(1)), arguments: ["reset", "settings", "ping", "empty data", "continuation"])
    func `a flood ends its connection and harms no other`(kind: String) async throws {
        try await withServer([echo]) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                let calls = Locked(0)
                let isOver = Locked(false)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while !isOver.withLock({ $0 }) {
                            let options = GRPCCallOptions(timeout: .seconds(20))
                            _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(string: "x"), options: options)
                            calls.withLock { $0 += 1 }
                        }
                    }
                    let raw = try await RawConnection.connect(port: port)
                    try await raw.send(RawFrames.preface + RawFrames.settings)
                    // The other side may end the connection in the middle of it.
                    try? await raw.send(flood(kind))
                    try await raw.waitUntilClosed(within: .seconds(30))
                    let frames = RawFrames.parse(raw.received)
                    let goAway = try #require(frames.last { $0.type == 7 }, "\(kind)")
                    #expect(Array(goAway.payload[4..<8]) == RawFrames.integer(11), "\(kind)")
                    let before = calls.withLock { $0 }
                    try await eventually { calls.withLock { $0 } > before + 3 }
                    isOver.withLock { $0 = true }
                    try await group.waitForAll()
                    await raw.close()
                }
            }
            try await eventually { server.connectionCount == 0 }
        }
    }

    private func flood(_ kind: String) -> [UInt8] {
        var bytes: [UInt8] = []
        switch kind {
        case "reset":
            for number in 0..<2000 as Range<UInt32> {
                bytes += RawFrames.headers("/test.Echo/Echo", stream: number * 2 + 1)
                bytes += RawFrames.reset(number * 2 + 1, code: 8)
            }
        case "settings": for _ in 0..<2000 { bytes += RawFrames.settings }
        case "ping": for _ in 0..<5000 { bytes += RawFrames.ping() }
        case "empty data":
            bytes += RawFrames.headers("/test.Echo/Echo", stream: 1)
            for _ in 0..<2000 { bytes += RawFrames.frame(0, stream: 1) }
        default:
            bytes += RawFrames.frame(1, stream: 1, RawFrames.field(":method", "POST"))
            for _ in 0..<2000 { bytes += RawFrames.frame(9, stream: 1, RawFrames.field("x", "y")) }
        }
        return bytes
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
