import ApusChannels
import ApusEtcd
import ApusGRPC
import ApusPrimitives

/// Clients that ask again as soon as they are answered.
struct LoadRun: Sendable {
    let connections: [EtcdClient]
    let clients: Int
    let duration: Duration
    /// At most so many a second, all clients together; nil for as many as there can be.
    var rateLimit: Double?

    /// - Parameter request: the number of the client, and a generator of its own.
    func run(
        _ request: @escaping @Sendable (EtcdClient, Int, inout SeededRandom) async throws -> Void
    ) async -> LoadReport {
        let start = TimeSource.continuous.now()
        let pace = rateLimit.map { Locked(Pace(interval: .nanoseconds(Int64(1e9 / $0)), next: start)) }
        var report = await withTaskGroup(of: LoadReport.self) { group in
            for client in 0..<clients {
                let connection = connections[client % connections.count]
                // On the loop of the connection, a call costs no hop between threads.
                group.addTask(executorPreference: connection.taskExecutor) {
                    await ask(connection, client, from: start, pace, request)
                }
            }
            return await group.reduce(into: LoadReport()) { $0.merge($1) }
        }
        report.elapsed = TimeSource.continuous.now() - start
        report.latencies.sort()
        return report
    }

    private func ask(
        _ connection: EtcdClient, _ client: Int, from start: MonotonicTime, _ pace: Locked<Pace>?,
        _ request: (EtcdClient, Int, inout SeededRandom) async throws -> Void
    ) async -> LoadReport {
        let time = TimeSource.continuous
        var report = LoadReport()
        var random = SeededRandom(seed: UInt64(client) &+ UInt64(bitPattern: start.nanoseconds))
        while true {
            if let pace {
                let turn = pace.withLock { $0.turn() }
                if turn >= start + duration { break }
                try? await time.sleep(until: turn)
            }
            let began = time.now()
            if began >= start + duration { break }
            do {
                try await request(connection, client, &random)
                report.latencies.append((time.now() - began).nanoseconds)
            } catch {
                report.add(error)
                try? await time.sleep(for: .milliseconds(1))
            }
        }
        return report
    }

    private struct Pace {
        let interval: Duration
        var next: MonotonicTime

        mutating func turn() -> MonotonicTime {
            defer { next = next + interval }
            return next
        }
    }
}

/// What clients saw.
struct LoadReport: Sendable {
    /// Of the calls that went well, in nanoseconds; in order, when the run is over.
    var latencies: [Int64] = []
    var elapsed = Duration.zero
    var errorCount = 0
    var firstError: String?

    mutating func add(_ error: any Error) {
        errorCount += 1
        firstError = firstError ?? (error as? GRPCError)?.explained ?? "\(error)"
    }

    mutating func merge(_ other: LoadReport) {
        latencies += other.latencies
        errorCount += other.errorCount
        firstError = firstError ?? other.firstError
    }

    /// A second.
    var rate: Double { elapsed > .zero ? Double(latencies.count) / elapsed.inSeconds : 0 }

    /// In milliseconds.
    func quantile(_ part: Double) -> Double {
        latencies.isEmpty ? 0 : Double(latencies[min(Int(Double(latencies.count) * part), latencies.count - 1)]) / 1e6
    }

    /// In seconds.
    var standardDeviation: Double {
        guard latencies.count > 1 else { return 0 }
        let mean = latencies.reduce(0.0) { $0 + Double($1) } / Double(latencies.count)
        let sum = latencies.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        return (sum / Double(latencies.count - 1)).squareRoot() / 1e9
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
