import ApusPrimitives
import Testing

@testable import ApusChannels

@Suite("Cancellation", .timeLimit(.minutes(1)))
struct CancellationTests {
    @Test func aCancelledSendDidNotHappen() async throws {
        let channel = Channel<Int>()
        let sender = Task { try await channel.send(1) }
        await channel.waitForSenders(1)
        sender.cancel()
        await #expect(throws: CancellationError.self) { try await sender.value }
        #expect(channel.tryReceive().isEmpty)
    }

    @Test func aCancelledReceiveTookNothing() async throws {
        let channel = Channel<Int>()
        let receiver = Task { try await channel.receive() }
        await channel.waitForReceivers(1)
        receiver.cancel()
        await #expect(throws: CancellationError.self) { _ = try await receiver.value }
        #expect(channel.trySend(1) == .full(1))
    }

    @Test func aCancelledSelectDidNothing() async throws {
        let first = Channel<Int>()
        let second = Channel<Int>()
        let selecting = Task {
            try await select {
                receive(from: first) { _ in }
                send(1, to: second) {}
            }
        }
        await second.waitForSenders(1)
        selecting.cancel()
        await #expect(throws: CancellationError.self) { try await selecting.value }
        #expect(first.trySend(1) == .full(1))
        #expect(second.tryReceive().isEmpty)
    }

    @Test func whatNeedNotWaitGoesThroughInACancelledTask() async throws {
        let channel = Channel<Int>(capacity: 1)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await channel.send(1)
            return try await channel.receive()
        }
        task.cancel()
        #expect(try await task.value == 1)
    }

    @Test func whatWouldWaitFailsInACancelledTask() async throws {
        let channel = Channel<Int>()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            await #expect(throws: CancellationError.self) { try await channel.send(1) }
            await #expect(throws: CancellationError.self) { _ = try await channel.receive() }
            await #expect(throws: CancellationError.self) { try await select { receive(from: channel) { _ in } } }
        }
        task.cancel()
        await task.value
        #expect(channel.waitingSenders + channel.waitingReceivers == 0)
    }

    /// Counts the elements that are alive.
    final class Element: Sendable {
        let number: Int
        let alive: Locked<Int>

        init(_ number: Int, _ alive: Locked<Int>) {
            self.number = number
            self.alive = alive
            alive.withLock { $0 += 1 }
        }

        deinit { alive.withLock { $0 -= 1 } }
    }

    /// Tasks that send, receive and select, cancelled at random: what was sent is received, each once, and nothing else.
    @Test(arguments: 0..<60)
    func cancellingAtRandomLosesAndDoublesNothing(_ seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        let alive = Locked(0)
        let outcome = Locked((sent: Set<Int>(), received: [Int]()))
        let channels = (0..<2).map { _ in Channel<Element>(capacity: Int.random(in: 0...2, using: &random)) }
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<24 {
            let first = channels[Int.random(in: 0...1, using: &random)]
            let second = channels[Int.random(in: 0...1, using: &random)]
            let kind = Int.random(in: 0..<4, using: &random)
            tasks.append(
                Task {
                    for round in 0..<4 {
                        let mine = number * 10 + round
                        switch kind {
                        case 0:
                            try await first.send(Element(mine, alive))
                            outcome.withLock { _ = $0.sent.insert(mine) }
                        case 1:
                            let element = try await first.receive()
                            outcome.withLock { $0.received.append(element?.number ?? -1) }
                        case 2:
                            try await select {
                                send(Element(mine, alive), to: first) { outcome.withLock { _ = $0.sent.insert(mine) } }
                                send(Element(mine + 5, alive), to: second) {
                                    outcome.withLock { _ = $0.sent.insert(mine + 5) }
                                }
                            }
                        default:
                            try await select {
                                receive(from: first) { element in
                                    outcome.withLock { $0.received.append(element?.number ?? -1) }
                                }
                                receive(from: second) { element in
                                    outcome.withLock { $0.received.append(element?.number ?? -1) }
                                }
                            }
                        }
                    }
                })
        }
        for _ in 0..<Int.random(in: 0..<100, using: &random) { await Task.yield() }
        for task in tasks.shuffled(using: &random) {
            if Bool.random(using: &random) { await Task.yield() }
            task.cancel()
        }
        for task in tasks { _ = await task.result }
        for channel in channels {
            while let element = channel.tryReceive().element {
                outcome.withLock { $0.received.append(element.number) }
            }
            #expect(channel.waitingSenders + channel.waitingReceivers == 0)
        }
        let (sent, received) = outcome.withLock { $0 }
        #expect(received.count == Set(received).count, "doubled")
        #expect(Set(received) == sent)
        #expect(alive.withLock { $0 } == 0)
    }
}
