import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import TestSupport
import Testing

/// What attackers and slow readers can make a server hold, as the system counts it: the resident memory of this process, which runs
/// this suite alone (`ALONE` of the Makefile). Without the bounds each of these would take hundreds of megabytes.
@Suite(.serialized) struct MemoryTests {
    private static let mebibyte = 1 << 20

    private func residentBytes() throws -> Int {
        let words = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return Int(words[1])! * 4096
    }

    /// The resident memory that `body` adds while it runs, after a first time that fills pools and caches.
    private func growth(_ body: () async throws -> Void) async throws -> Int {
        try await body()
        let before = try residentBytes()
        try await body()
        return try residentBytes() - before
    }

    /// Five peers with twenty streams each, windows wide open, that never read their sockets. A stream holds its queue and its pipe
    /// (64 KiB each) and a message, a connection 128 KiB of output and what NIO and the system take.
    @Test(.timeLimit(.minutes(2))) func `peers that do not read`() async throws {
        let sent = Locked(0)
        let service = GRPCService("test.Flood") { service in
            service.stream(raw: "Endless") { _, replies, _ in
                while true {
                    try await replies.send(ByteBuffer(repeating: 7, count: 10_000))
                    sent.withLock { $0 += 1 }
                }
            }
        }
        try await withServer([service]) { port, _ in
            let before = try residentBytes()
            var peers: [RawConnection] = []
            for _ in 0..<5 {
                let raw = try await RawConnection.connect(port: port, reads: false)
                peers.append(raw)
                let wide =
                    RawFrames.frame(4, [0, 4] + RawFrames.integer(0x7FFF_FFFF)) + RawFrames.window(0, 0x7000_0000)
                try await raw.send(RawFrames.preface + wide + RawFrames.settingsAck)
                for stream in 0..<20 as Range<UInt32> {
                    try await raw.send(RawFrames.headers("/test.Flood/Endless", stream: stream * 2 + 1))
                }
            }
            try await settled { sent.withLock { $0 } }
            let held = try residentBytes() - before
            #expect(held < 64 * Self.mebibyte, "\(held / Self.mebibyte) MiB")
            // What was made altogether is what they hold: the queues, and a message in each hand.
            #expect(sent.withLock { $0 } * 10_000 < 5 * 8 * Self.mebibyte + 100 * 160 * 1024)
            for peer in peers { await peer.close() }
        }
    }

    /// Forty calls of 1 MiB each to a handler that reads none of them: their callers wait.
    @Test(.timeLimit(.minutes(2))) func `a handler that does not read`() async throws {
        let service = GRPCService("test.Sink") { service in
            service.stream(raw: "Ignore") { _, _, _ in try await TimeSource.continuous.sleep(for: .seconds(3600)) }
        }
        let written = Locked(0)
        let message = ByteBuffer(repeating: 1, count: 16_000)
        try await withClient([service]) { client in
            let before = try residentBytes()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        _ = try? await client.stream(raw: "test.Sink/Ignore") { call in
                            while true {
                                try await call.requests.send(message)
                                written.withLock { $0 += message.readableBytes }
                            }
                        }
                    }
                }
                try await settled { written.withLock { $0 } }
                // The window at the server; the queue, the pipe, what is kept for another attempt, and a message at the client.
                let bound = 40 * (256 + 64 + 64 + 256 + 32) * 1024
                #expect(written.withLock { $0 } < bound)
                let held = try residentBytes() - before
                #expect(held < 2 * bound + 16 * Self.mebibyte, "\(held / Self.mebibyte) MiB")
                group.cancelAll()
            }
        }
    }

    /// Floods, one connection after the other: what they made is gone with them.
    @Test(.timeLimit(.minutes(2)), arguments: ["rapid reset", "continuation", "hpack bomb", "tiny windows", "ping"])
    func `floods leave nothing behind`(kind: String) async throws {
        try await withServer([AttackTests.service]) { port, server in
            let grown = try await growth {
                for _ in 0..<10 {
                    let raw = try await RawConnection.connect(port: port)
                    try await raw.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
                    try? await raw.send(AttackTests.flood(kind))
                    try await raw.waitUntilClosed(within: .seconds(30))
                    await raw.close()
                }
                try await eventually { server.connectionCount == 0 }
            }
            #expect(grown < 24 * Self.mebibyte, "\(grown / Self.mebibyte) MiB")
        }
    }
}
