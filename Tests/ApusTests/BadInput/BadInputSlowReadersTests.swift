import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Clients that ask for much and take nothing of it: what a member holds for all of them together is bounded.
@Suite("Bad input: slow readers", .serialized, .timeLimit(.minutes(3))) struct BadInputSlowReadersTests {
    /// Windows of gRPC's clients, which open theirs wide.
    private static let opening =
        RawFrames.preface + RawFrames.frame(4, [0, 4] + RawFrames.integer(0x7FFF_FFFF))
        + RawFrames.window(0, 0x7000_0000) + RawFrames.settingsAck

    private static func body(_ message: some Message) throws -> [UInt8] {
        let bytes: [UInt8] = try message.serializedBytes()
        return [0] + RawFrames.integer(UInt32(bytes.count)) + bytes
    }

    private static func fill(_ client: GRPCClient, keys: Int, bytes: Int) async throws {
        for index in 0..<keys {
            let _: EtcdPutResponse = try await client.unary(
                "\(EtcdService.kv)/Put",
                EtcdPutRequest.with {
                    $0.key = Data("big/\(index)".utf8)
                    $0.value = Data(repeating: UInt8(index & 0xFF), count: bytes)
                })
        }
    }

    private static let everything = EtcdRangeRequest.with {
        $0.key = Data("big/".utf8)
        $0.rangeEnd = Data("big0".utf8)
    }

    /// Twenty connections ask sixteen times each for 8 MiB, which they do not read: 2.5 GiB of answers.
    @Test("Ranges that nobody reads")
    func ranges() async throws {
        try await AttackedServer.with("ranges that nobody reads", growthMebibytes: 900) { attacked in
            let client = try attacked.client()
            try await Self.fill(client, keys: 8, bytes: 1 << 20)
            var connections: [RawConnection] = []
            for _ in 0..<20 {
                let connection = try await RawConnection.connect(port: attacked.port, reads: false)
                try await connection.send(Self.opening)
                let request = try Self.body(Self.everything)
                for stream in 0..<16 as Range<UInt32> {
                    try await connection.send(
                        RawFrames.call("/etcdserverpb.KV/Range", stream: 2 * stream + 1, body: request))
                }
                connections.append(connection)
            }
            try await settled(attacked)
            // Somebody else gets what is small, and is told clearly that there is no room for what is large.
            do {
                let reply: EtcdRangeResponse = try await client.unary("\(EtcdService.kv)/Range", Self.everything)
                #expect(reply.kvs.count == 8)
            } catch let error as GRPCError {
                #expect(error.code == .resourceExhausted)
                print("an honest range meanwhile: \(error)")
            }
            for connection in connections { await connection.close() }
            // Whatever was held is given back.
            try await eventually {
                let reply: EtcdRangeResponse? = try? await client.unary("\(EtcdService.kv)/Range", Self.everything)
                return reply?.kvs.count == 8
            }
            await client.stop()
        }
    }

    /// Three hundred watches on fifteen connections, of which nothing is read, while 48 MiB are written and the history compacted. Each
    /// has a response of 512 KiB in four hands: the hub's, the task's, the pipe's and the codec's.
    @Test("Watchers that do not read")
    func watchers() async throws {
        try await AttackedServer.with("watchers that do not read", growthMebibytes: 750) { attacked in
            let client = try attacked.client()
            let create = try Self.body(
                EtcdWatchRequest.with {
                    $0.createRequest.key = Data("big/".utf8)
                    $0.createRequest.rangeEnd = Data("big0".utf8)
                })
            var connections: [RawConnection] = []
            for _ in 0..<15 {
                let connection = try await RawConnection.connect(port: attacked.port, reads: false)
                try await connection.send(Self.opening)
                for stream in 0..<20 as Range<UInt32> {
                    let id = 2 * stream + 1
                    try await connection.send(
                        RawFrames.headers("/etcdserverpb.Watch/Watch", stream: id)
                            + RawFrames.frame(0, stream: id, create))
                }
                connections.append(connection)
            }
            for _ in 0..<6 {
                try await Self.fill(client, keys: 16, bytes: 1 << 19)
                let status: EtcdStatusResponse = try await client.unary(
                    "\(EtcdService.maintenance)/Status", EtcdStatusRequest())
                let _: EtcdCompactionResponse = try await client.unary(
                    "\(EtcdService.kv)/Compact",
                    EtcdCompactionRequest.with { $0.revision = status.header.revision - 1 })
            }
            try await settled(attacked)
            for connection in connections { await connection.close() }
            await client.stop()
        }
    }

    /// Forty connections begin 1.9 MiB a hundred times each, and never finish: 7.6 GB of requests.
    @Test("Requests that never come whole")
    func unfinished() async throws {
        try await AttackedServer.with("requests that never come whole", growthMebibytes: 1_000) { attacked in
            let start = [0] + RawFrames.integer(1_900_000)
            let piece = [UInt8](repeating: 1, count: 16_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<40 {
                    group.addTask {
                        let connection = try await RawConnection.connect(port: attacked.port)
                        try await connection.send(Self.opening)
                        for stream in 0..<100 as Range<UInt32> where !connection.isClosed {
                            let id = 2 * stream + 1
                            // As much as the window of a stream takes before it is given back.
                            try? await connection.send(
                                RawFrames.headers("/etcdserverpb.KV/Put", stream: id)
                                    + RawFrames.frame(0, stream: id, start))
                            for _ in 0..<14 { try? await connection.send(RawFrames.frame(0, stream: id, piece)) }
                        }
                        try await settled(attacked)
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// Waits until the memory of a member has been about the same for half a second.
func settled(_ attacked: AttackedServer) async throws {
    var last = 0
    var since = ContinuousClock.now
    try await eventually {
        let bytes = try attacked.residentBytes()
        if abs(bytes - last) > 2 << 20 {
            last = bytes
            since = .now
        }
        return ContinuousClock.now - since > .milliseconds(500)
    }
}
