import ApusGRPC
import ApusPrimitives
import NIOCore
import NIOPosix

/// Streams on one connection that send small messages as fast as they are taken, and count what comes back.
struct StreamLoad {
    let port: Int
    let streams: Int
    let bytes: Int
    let seconds: Int
    let runs: Int

    func run() async throws {
        try await GRPCClient.with("127.0.0.1:\(port)") { client in
            let payload = ByteBuffer(repeating: 7, count: bytes)
            for _ in 0..<runs { try await once(client, payload) }
        }
    }

    private func once(_ client: GRPCClient, _ payload: ByteBuffer) async throws {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<streams {
                group.addTask {
                    try await client.stream(raw: "bench.Echo/Stream", options: GRPCCallOptions(waitForReady: true)) {
                        call in
                        async let received = countAll(call.replies)
                        var sent = 0
                        while sent % 64 != 0 || ContinuousClock.now < end {
                            try await call.requests.send(payload)
                            sent += 1
                        }
                        call.finishSending()
                        return try await received
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        let took = ContinuousClock.now - start
        print("rate=\(Int(Double(count) / took.seconds)) count=\(count)")
    }

    private func countAll(_ replies: GRPCMessages<ByteBuffer>) async throws -> Int {
        var count = 0
        while try await replies.next() != nil { count += 1 }
        return count
    }
}

/// Connections and open streams that do nothing, to weigh them at the server.
struct Idle {
    let port: Int
    let connections: Int
    let streams: Int

    func run() async throws {
        let clients = try (0..<connections).map { _ in try GRPCClient([.host("127.0.0.1", port: port)]) }
        let payload = ByteBuffer(repeating: 7, count: 100)
        for client in clients { _ = try await client.unary(raw: "bench.Echo/Echo", payload) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<streams {
                let client = clients[number % clients.count]
                group.addTask {
                    try await client.stream(raw: "bench.Echo/Stream") { call in
                        try await call.requests.send(payload)
                        _ = try await call.replies.next()
                        // Until it is cancelled.
                        _ = try await call.replies.next()
                    }
                }
            }
            try await Task.sleep(for: .seconds(1))
            print("ready")
            _ = readLine()
            group.cancelAll()
        }
        for client in clients { await client.stop() }
    }
}
