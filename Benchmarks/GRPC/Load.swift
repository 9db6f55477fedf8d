import ApusGRPC
import ApusPrimitives
import NIOCore
import NIOPosix

/// Callers that each make one call after the other, spread over connections.
struct Load {
    let port: Int
    let callers: Int
    let connections: Int
    let bytes: Int
    let seconds: Int
    let runs: Int
    let path: String
    /// Callers run on their client's loop.
    let onLoop: Bool

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: connections > 1 ? 2 : 1)
        var settings = GRPCClientSettings()
        settings.eventLoopGroup = group
        let clients = try (0..<connections).map { _ in
            try GRPCClient([.host("127.0.0.1", port: port)], settings: settings)
        }
        let payload = ByteBuffer(repeating: 7, count: bytes)
        let wait = GRPCCallOptions(waitForReady: true)
        for client in clients {
            for _ in 0..<200 { _ = try await client.unary(raw: path, payload, options: wait) }
        }
        for _ in 0..<runs { try await once(clients, payload) }
        for client in clients { await client.stop() }
        try await group.shutdownGracefully()
    }

    private func once(_ clients: [GRPCClient], _ payload: ByteBuffer) async throws {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let latencies = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for caller in 0..<callers {
                let client = clients[caller % clients.count]
                group.addTask(executorPreference: onLoop ? client.taskExecutor : nil) {
                    var latencies: [Int64] = []
                    latencies.reserveCapacity(200_000)
                    var before = ContinuousClock.now
                    while before < end {
                        let answer = try await client.unary(raw: path, payload)
                        guard answer.readableBytes == bytes else { throw GRPCError(.dataLoss, "a wrong echo") }
                        let after = ContinuousClock.now
                        latencies.append((after - before).nanoseconds)
                        before = after
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: [Int64]()) { $0 += $1 }.sorted()
        }
        Report.print(latencies, took: ContinuousClock.now - start)
    }
}

/// The line that the script reads.
enum Report {
    static func print(_ latencies: [Int64], took: Duration) {
        let rate = Double(latencies.count) / took.seconds
        func micros(_ quantile: Int) -> Int64 {
            latencies[min(latencies.count * quantile / 100, latencies.count - 1)] / 1000
        }
        Swift.print("rate=\(Int(rate)) p50us=\(micros(50)) p99us=\(micros(99)) count=\(latencies.count)")
    }
}
