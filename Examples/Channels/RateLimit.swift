import ApusChannels
import ApusPrimitives

/// Requests at a limited rate: a few at once, then one at each tick. Permits that nobody takes are not piled up beyond
/// `burst`, because the channel has no more room.
///
/// - Returns: when each request was sent.
func sendAtLimitedRate(
    requests: Int, burst: Int, every interval: Duration, time: TimeSource = .continuous
) async throws -> [MonotonicTime] {
    let permits = Channel<Void>(capacity: burst)
    for _ in 0..<burst { try await permits.send(()) }
    let ticker = Ticker(every: interval, time: time)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            for try await _ in ticker { _ = permits.trySend(()) }
        }
        var moments: [MonotonicTime] = []
        for _ in 0..<requests {
            _ = try await permits.receive()
            moments.append(time.now())
        }
        ticker.stop()
        return moments
    }
}
