import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

/// Requests that are none, or too much: a clear status, and nothing else happens.
@Suite("Bad input: requests", .serialized, .timeLimit(.minutes(3))) struct BadInputRequestsTests {
    /// What can be wrong with the bytes of a message.
    private enum Flaw: CaseIterable {
        case cutVarint, endlessVarint, tagOfZero, lengthBeyondTheEnd, hugeLength, openGroup, strayGroupEnd, badWireType
        case wrongWireTypes, deepNesting, manyFields, badText, random

        /// Whether no reader could make sense of it.
        var isHopeless: Bool {
            switch self {
            case .wrongWireTypes, .deepNesting, .manyFields, .badText, .random: false
            default: true
            }
        }

        func message(_ random: inout SeededRandom) -> [UInt8] {
            let field = UInt8.random(in: 1...15, using: &random)
            switch self {
            case .cutVarint: return [field << 3, 0x80]
            case .endlessVarint: return [field << 3] + [UInt8](repeating: 0xFF, count: 11)
            case .tagOfZero: return [0, 1]
            case .lengthBeyondTheEnd: return [field << 3 | 2, 0x7F, 1, 2, 3]
            case .hugeLength: return [field << 3 | 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
            case .openGroup: return [field << 3 | 3]
            case .strayGroupEnd: return [field << 3 | 4]
            case .badWireType: return [field << 3 | 7, 1]
            case .wrongWireTypes:
                return (1...15 as ClosedRange<UInt8>).flatMap { field -> [UInt8] in
                    Bool.random(using: &random)
                        ? [field << 3, 1] : [field << 3 | 1] + [UInt8](repeating: 7, count: 8)
                }
            case .deepNesting: return Self.nested(20_000)
            case .manyFields:
                return [[UInt8]](repeating: [field << 3 | 2, 0], count: 20_000).flatMap { $0 }
            case .badText: return (1...4 as ClosedRange<UInt8>).flatMap { [$0 << 3 | 2, 2, 0xFF, 0xFE] }
            case .random: return random.bytes(below: 200)
            }
        }

        /// Transactions in transactions; in messages of other kinds their fields mean something else.
        static func nested(_ depth: Int) -> [UInt8] {
            // From within, backwards, so that each length is known.
            var reversed: [UInt8] = []
            for _ in 0..<depth {
                for tag in [0x22, 0x12] as [UInt8] {
                    reversed += varint(reversed.count).reversed()
                    reversed.append(tag)
                }
            }
            return reversed.reversed()
        }

        private static func varint(_ value: Int) -> [UInt8] {
            var (bytes, rest) = ([UInt8](), value)
            while rest >= 0x80 {
                bytes.append(UInt8(rest & 0x7F) | 0x80)
                rest >>= 7
            }
            return bytes + [UInt8(rest)]
        }
    }

    /// All methods but those that change what the witness needs when they are asked well by chance.
    private static let methods = Set(
        GatewayRoute.byPath.values.map { Method(path: $0.method, takesStream: $0.takesStream) }
    ).sorted { $0.path < $1.path }

    private struct Method: Hashable {
        let path: String
        let takesStream: Bool

        /// Random bytes must not raise an alarm or begin a cluster of two.
        var isHarmlessByChance: Bool { !path.hasSuffix("/Alarm") && !path.hasSuffix("/MemberAdd") }
    }

    private static func call(_ client: GRPCClient, _ method: Method, _ bytes: [UInt8]) async -> GRPCCode {
        let options = GRPCCallOptions(timeout: .seconds(6))
        do {
            if method.takesStream || method.path.hasSuffix("Snapshot") || method.path.hasSuffix("Observe") {
                try await client.stream(raw: method.path, options: options) { call in
                    try await call.requests.send(ByteBuffer(bytes: bytes))
                    call.finishSending()
                    // A watch of what was understood goes on: its first answer is enough.
                    _ = try await call.replies.next()
                }
            } else {
                _ = try await client.unary(raw: method.path, ByteBuffer(bytes: bytes), options: options)
            }
            return .ok
        } catch {
            return (error as? GRPCError)?.code ?? .unknown
        }
    }

    @Test("Malformed protobuf at every method", arguments: [UInt64.random(in: 0 ... .max)])
    func malformed(seed: UInt64) async throws {
        print("seed \(seed)")
        #expect(Self.methods.count >= 38)
        try await AttackedServer.with("malformed protobuf", growthMebibytes: 192) { attacked in
            let client = try attacked.client()
            // Some methods wait for what never comes: eight are asked at the same time.
            let calls = try await withThrowingTaskGroup(of: Int.self) { group in
                var calls = 0
                for (index, method) in Self.methods.enumerated() {
                    if index >= 8 { calls += try await group.next() ?? 0 }
                    group.addTask {
                        var random = SeededRandom(seed: seed &+ UInt64(index))
                        return await Self.ask(client, method, &random, seed)
                    }
                }
                return try await group.reduce(calls, +)
            }
            print("\(calls) calls of \(Self.methods.count) methods")
            await client.stop()
        }
    }

    private static func ask(
        _ client: GRPCClient, _ method: Method, _ random: inout SeededRandom, _ seed: UInt64
    ) async -> Int {
        var calls = 0
        for flaw in Flaw.allCases where flaw.isHopeless || method.isHarmlessByChance {
            let bytes = flaw.message(&random)
            let code = await call(client, method, bytes)
            calls += 1
            if flaw.isHopeless {
                #expect(code == .invalidArgument, "seed \(seed): \(flaw) at \(method.path)")
            } else {
                let isClear = ![.unavailable, .internalError, .dataLoss].contains(code)
                #expect(isClear, "seed \(seed): \(flaw) at \(method.path): \(code): \(bytes.prefix(200))")
            }
        }
        return calls
    }

    // MARK: Beside etcd

    private struct Answer: Equatable, CustomStringConvertible {
        var code: GRPCCode
        var message: String

        var description: String { "\(code): \(message)" }
    }

    private static func ask(_ client: GRPCClient, _ method: String, _ request: some Message) async throws -> Answer {
        let bytes: [UInt8] = try request.serializedBytes()
        return await ask(client, method, bytes)
    }

    private static func ask(_ client: GRPCClient, _ method: String, _ bytes: [UInt8]) async -> Answer {
        do {
            _ = try await client.unary(
                raw: method, ByteBuffer(bytes: bytes), options: GRPCCallOptions(timeout: .seconds(30)))
            return Answer(code: .ok, message: "")
        } catch let error as GRPCError {
            return Answer(code: error.code, message: error.message)
        } catch {
            return Answer(code: .unknown, message: "\(error)")
        }
    }

    private static func put(_ bytes: Int) -> EtcdPutRequest {
        .with {
            $0.key = Data("k".utf8)
            $0.value = Data(repeating: 1, count: bytes)
        }
    }

    private static func txn(_ operations: Int) -> EtcdTxnRequest {
        .with { txn in
            txn.success = (0..<operations).map { index in
                .with { $0.requestPut.key = Data("k\(index)".utf8) }
            }
        }
    }

    private static func answers(of program: EtcdProgram, flags: [String]) async throws -> [String] {
        let server = try await EtcdServer(program, flags: flags + ["--log-level", "error"])
        let client = try AttackedServer.client(port: server.members[0].clientPort)
        var answers: [String] = []
        for size in [100, 9_900, 10_100, 400_000, 600_000, 1_572_800, 1_572_900, 2_097_000, 2_098_000, 9_000_000] {
            answers.append("put of \(size): \(try await Self.ask(client, "\(EtcdService.kv)/Put", Self.put(size)))")
        }
        for count in [1, 3, 4, 128, 129, 5_000] {
            answers.append("txn of \(count): \(try await Self.ask(client, "\(EtcdService.kv)/Txn", Self.txn(count)))")
        }
        for depth in [2, 4, 49, 51, 128, 129, 130, 1_000, 20_000] {
            answers.append("nested \(depth): \(await Self.ask(client, "\(EtcdService.kv)/Txn", Flaw.nested(depth)))")
        }
        for (method, bytes) in [
            ("\(EtcdService.kv)/Txn", [0x12, 0]), ("\(EtcdService.kv)/Range", []), ("\(EtcdService.kv)/Put", []),
            ("\(EtcdService.kv)/DeleteRange", []), ("\(EtcdService.kv)/Nope", []), ("etcdserverpb.Nope/Range", []),
            ("\(EtcdService.cluster)/MemberAdd", [0x0A, 0]), ("\(EtcdService.auth)/UserAdd", []),
            ("\(EtcdService.lease)/LeaseGrant", [0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]),
        ] as [(String, [UInt8])] {
            answers.append("\(method) \(bytes): \(await Self.ask(client, method, bytes))")
        }
        await client.stop()
        return answers
    }

    @Test(
        "What is too large is refused as etcd 3.5.1 refuses it",
        arguments: [[], ["--max-request-bytes", "10000", "--max-txn-ops", "3"]])
    func sizes(flags: [String]) async throws {
        let theirs = try await Self.answers(of: .etcd(), flags: flags)
        let ours = try await Self.answers(of: .apus(), flags: flags)
        for (own, other) in zip(ours, theirs) { #expect(own == other) }
        #expect(ours.contains { $0.contains("etcdserver: request is too large") })
        #expect(ours.contains { $0.contains("grpc: received message larger than max") })
        #expect(ours.contains { $0.contains("etcdserver: too many operations in txn request") })
    }
}
