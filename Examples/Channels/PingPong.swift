import ApusChannels

/// Two players, one ball, a table of two channels without room: each stroke waits for the other player.
///
/// - Returns: how often the ball was touched.
func playPingPong(rounds: Int) async throws -> Int {
    let (there, back) = (Channel<Int>(), Channel<Int>())
    async let partner: Void = returnEachBall(from: there.receiver, to: back.sender)
    var touches = 0
    for _ in 0..<rounds {
        try await there.send(touches + 1)
        touches = try await back.receive() ?? touches
    }
    there.close()
    try await partner
    return touches
}

private func returnEachBall(from there: Channel<Int>.Receiver, to back: Channel<Int>.Sender) async throws {
    for try await touches in there { try await back.send(touches + 1) }
    back.close()
}
