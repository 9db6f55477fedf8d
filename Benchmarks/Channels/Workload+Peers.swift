import AsyncAlgorithms

/// The same with what a Swift program has without Apus. `AsyncStream` has no back-pressure: it keeps everything, so where a
/// capacity is asked for it has an advantage. Neither has a buffer that makes a sender wait, nor a select.
extension Workload {
    var withAsyncChannel: (@Sendable (Int) async throws -> Void)? {
        switch self {
        case .pingPong: playPingPong
        case .oneToOne, .oneToOneBuffered: sendOneToOne
        case .fourToFour, .fourToFourBuffered: sendFourToFour
        case .select, .selectBuffered: mergeOfFour
        case .uncontended: nil
        }
    }

    var withAsyncStream: (@Sendable (Int) async throws -> Void)? {
        switch self {
        case .pingPong: pingPongOverStreams
        case .oneToOne, .oneToOneBuffered: oneToOneOverStream
        case .uncontended: uncontendedStream
        case .fourToFour, .fourToFourBuffered, .select, .selectBuffered: nil
        }
    }
}

@Sendable private func playPingPong(_ rounds: Int) async throws {
    let there = AsyncChannel<Int>()
    let back = AsyncChannel<Int>()
    async let echo: Void = {
        for await number in there { await back.send(number) }
    }()
    var answers = back.makeAsyncIterator()
    for number in 0..<rounds {
        await there.send(number)
        _ = await answers.next()
    }
    there.finish()
    await echo
}

@Sendable private func sendOneToOne(_ count: Int) async throws {
    let channel = AsyncChannel<Int>()
    async let sent: Void = {
        for number in 0..<count { await channel.send(number) }
        channel.finish()
    }()
    var received = 0
    for await _ in channel { received += 1 }
    await sent
    precondition(received == count)
}

@Sendable private func sendFourToFour(_ count: Int) async throws {
    let channel = AsyncChannel<Int>()
    await withTaskGroup(of: Void.self) { consumers in
        for _ in 0..<4 {
            consumers.addTask {
                for await _ in channel {}
            }
        }
        await withTaskGroup(of: Void.self) { producers in
            for _ in 0..<4 {
                producers.addTask {
                    for number in 0..<(count / 4) { await channel.send(number) }
                }
            }
        }
        channel.finish()
    }
}

@Sendable private func mergeOfFour(_ count: Int) async throws {
    let channels = (0..<4).map { _ in AsyncChannel<Int>() }
    await withTaskGroup(of: Void.self) { producers in
        for channel in channels {
            producers.addTask {
                for number in 0..<(count / 4) { await channel.send(number) }
                channel.finish()
            }
        }
        var received = 0
        for await _ in merge(merge(channels[0], channels[1]), merge(channels[2], channels[3])) { received += 1 }
        precondition(received == count / 4 * 4)
    }
}

@Sendable private func pingPongOverStreams(_ rounds: Int) async throws {
    let (there, sendThere) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingOldest(1))
    let (back, sendBack) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingOldest(1))
    async let echo: Void = {
        for await number in there { sendBack.yield(number) }
    }()
    var answers = back.makeAsyncIterator()
    for number in 0..<rounds {
        sendThere.yield(number)
        _ = await answers.next()
    }
    sendThere.finish()
    await echo
}

@Sendable private func oneToOneOverStream(_ count: Int) async throws {
    let (stream, continuation) = AsyncStream<Int>.makeStream(bufferingPolicy: .unbounded)
    async let sent: Void = {
        for number in 0..<count { continuation.yield(number) }
        continuation.finish()
    }()
    var received = 0
    for await _ in stream { received += 1 }
    await sent
    precondition(received == count)
}

@Sendable private func uncontendedStream(_ count: Int) async throws {
    let (stream, continuation) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingOldest(1))
    var numbers = stream.makeAsyncIterator()
    for number in 0..<count {
        continuation.yield(number)
        _ = await numbers.next()
    }
}
