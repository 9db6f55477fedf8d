import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import SwiftProtobuf

/// What the clients of a benchmark ask for.
struct Workload: Sendable {
    typealias Request = @Sendable (EtcdClient, Int, inout SeededRandom) async throws -> Void

    let operation: BenchCommand.Operation
    let connections: [EtcdClient]
    let clients: Int
    let keys: Int
    let limit: Int
    let value: Data

    init(command: BenchCommand, connections: [EtcdClient]) {
        operation = command.operation
        self.connections = connections
        (clients, keys, limit) = (command.clients, command.keys, command.limit)
        var random = SeededRandom(seed: 1)
        value = Data(
            (0..<command.valueSize).map { _ in UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z"), using: &random) }
        )
    }

    /// The request of one client; what it needs to be there is made before.
    func request() async throws -> Request {
        switch operation {
        case .put, .watch: return put
        case .range, .srange:
            try await fill()
            return range
        case .txn:
            try await fill()
            return txn
        case .lease: return try await keepAlive()
        }
    }

    private func put(_ client: EtcdClient, _: Int, _ random: inout SeededRandom) async throws {
        let number = Int.random(in: 0..<keys, using: &random)
        _ = try await client.put(
            .with {
                $0.key = Self.key(number)
                $0.value = value
            })
    }

    private func range(_ client: EtcdClient, _: Int, _ random: inout SeededRandom) async throws {
        let first = Int.random(in: 0..<(keys - limit), using: &random)
        let response = try await client.range(
            .with {
                $0.key = Self.key(first)
                if limit > 0 { $0.rangeEnd = Self.key(first + limit) }
                $0.serializable = operation == .srange
            })
        guard response.kvs.count == max(limit, 1) else {
            throw GRPCError(.dataLoss, "a range has \(response.kvs.count) keys instead of \(max(limit, 1))")
        }
    }

    /// If the key is there, write it, else read it.
    private func txn(_ client: EtcdClient, _: Int, _ random: inout SeededRandom) async throws {
        let key = Self.key(Int.random(in: 0..<keys, using: &random))
        var compare = EtcdCompare()
        (compare.key, compare.target, compare.result) = (key, .mod, .greater)
        var (write, read) = (EtcdRequestOp(), EtcdRequestOp())
        (write.requestPut.key, write.requestPut.value, read.requestRange.key) = (key, value, key)
        var request = EtcdTxnRequest()
        (request.compare, request.success, request.failure) = ([compare], [write], [read])
        _ = try await client.txn(request)
    }

    private func keepAlive() async throws -> Request {
        var leases: [Int64] = []
        for client in 0..<clients {
            leases.append(try await connections[client % connections.count].leaseGrant(.with { $0.ttl = 60 }).id)
        }
        return { [leases] client, number, _ in
            guard try await client.leaseKeepAlive(.with { $0.id = leases[number] }).ttl > 0 else {
                throw GRPCError(.notFound, "a lease that was kept alive is gone")
            }
        }
    }

    /// Writes every key once.
    private func fill() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let writers = 64
            for writer in 0..<writers {
                group.addTask {
                    for number in stride(from: writer, to: keys, by: writers) {
                        _ = try await connections[writer % connections.count].put(
                            .with {
                                $0.key = Self.key(number)
                                $0.value = value
                            })
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// 16 bytes.
    private static func key(_ number: Int) -> Data {
        let digits = String(number)
        return Data(("bench-" + String(repeating: "0", count: max(0, 10 - digits.count)) + digits).utf8)
    }
}
