import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import TestSupport
import Testing

/// What strangers may send to the ports of a member, with a real process: their own connection ends, and nothing else happens.
@Suite("Bad input: bytes and connections", .serialized, .timeLimit(.minutes(3))) struct BadInputBytesTests {
    private static let frameOfPeers = [UInt8]([0x40, 0, 0, 0, 0, 0, 0, 0]) + Array("ApusRaft".utf8)
    private static let starts: [[UInt8]] = [
        [], RawFrames.preface, RawFrames.preface + RawFrames.settings + RawFrames.settingsAck,
        RawFrames.preface + RawFrames.settings + RawFrames.headers("/etcdserverpb.KV/Txn", stream: 1),
        Array("POST /v3/kv/put HTTP/1.1\r\nHost: x\r\n".utf8), Array("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
        Array("POST /v3/kv/put HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n".utf8),
        // A handshake of TLS.
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3],
        // Peers: a frame of almost 4 GiB, one with a wrong checksum, a greeting that is cut off.
        [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], [4, 0, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4], frameOfPeers,
    ]

    @Test("Random bytes at every port", arguments: [UInt64.random(in: 0 ... .max)])
    func randomBytes(seed: UInt64) async throws {
        print("seed \(seed)")
        try await AttackedServer.with("random bytes", growthMebibytes: 96) { attacked in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, port) in [attacked.port, attacked.peerPort, attacked.metricsPort].enumerated() {
                    for worker in 0..<4 {
                        group.addTask {
                            var random = SeededRandom(seed: seed &+ UInt64(index * 4 + worker))
                            for _ in 0..<110 {
                                let start = Self.starts.randomElement(using: &random)!
                                let connection = try await RawConnection.connect(port: port)
                                try? await connection.send(start + random.bytes(below: 4_000))
                                if Bool.random(using: &random) {
                                    try? await connection.send(random.bytes(below: 70_000))
                                }
                                await connection.close()
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Those who say nothing are closed after ten seconds; those who speak HTTP/2 may stay. The peer port keeps 64 of them.
    @Test("Three thousand idle connections")
    func idle() async throws {
        raiseFileLimit()
        try await AttackedServer.with("3,200 idle connections", growthMebibytes: 192) { attacked in
            var connections: [RawConnection] = []
            for index in 0..<3_000 {
                let connection = try await RawConnection.connect(port: attacked.port)
                if index % 2 == 0 {
                    try await connection.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
                }
                connections.append(connection)
            }
            for _ in 0..<100 {
                connections.append(try await RawConnection.connect(port: attacked.metricsPort))
                connections.append(try await RawConnection.connect(port: attacked.peerPort))
            }
            let peers = stride(from: 3_001, to: 3_200, by: 2).map { connections[$0] }
            try await eventually { peers.count(where: \.isClosed) >= 36 }
            let health = try await RawConnection.exchange(
                "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port: attacked.port)
            #expect(health.status == 200)
            let silent = stride(from: 1, to: 3_000, by: 2).map { connections[$0] }
            try await eventually { silent.allSatisfy(\.isClosed) }
            let speaking = stride(from: 0, to: 3_000, by: 2).map { connections[$0] }
            #expect(speaking.count(where: \.isClosed) == 0)
            for connection in connections { await connection.close() }
        }
    }

    @Test("Senders of one byte at a time")
    func slowSenders() async throws {
        raiseFileLimit()
        try await AttackedServer.with("slow senders", growthMebibytes: 96) { attacked in
            let beginnings: [[UInt8]] = [
                RawFrames.preface, Array("GET /health HTTP/1.1\r\nHost: x\r\nX: aaaaaaaaaaaaaaaa".utf8),
                RawFrames.preface + RawFrames.settings
                    + RawFrames.headers("/etcdserverpb.KV/Put", stream: 1),
                Array("POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"key\":".utf8),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<300 {
                    group.addTask {
                        let port = worker % 5 == 4 ? attacked.peerPort : attacked.port
                        let connection = try await RawConnection.connect(port: port)
                        for byte in beginnings[worker % beginnings.count].prefix(30) {
                            guard !connection.isClosed else { break }
                            try? await connection.send([byte])
                            try? await TimeSource.continuous.sleep(for: .milliseconds(30))
                        }
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// Each connection is an open file, here as in the server.
func raiseFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
