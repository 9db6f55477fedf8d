import ApusPrimitives
import Testing

@testable import ApusChannels

/// One test for each sentence of the Go memory model on channels (go.dev/ref/mem, "Channel communication"). What is
/// written before is a plain variable: the thread sanitizer would report a missing order, the value a broken one.
@Suite("Go's memory model", .timeLimit(.minutes(1)))
struct GoMemoryModelTests {
    // Safe: the order of the channel under test is all that protects it.
    final class Plain: @unchecked Sendable {
        var value = 0
    }

    static let rounds = 300

    @Test(arguments: [0, 1, 8])
    func aSendIsSynchronizedBeforeTheCompletionOfTheCorrespondingReceive(_ capacity: Int) async throws {
        let channel = Channel<Int>(capacity: capacity)
        let plain = (0..<Self.rounds).map { _ in Plain() }
        async let sent: Void = {
            for round in 0..<Self.rounds {
                plain[round].value = round + 1
                try await channel.send(round)
            }
        }()
        for round in 0..<Self.rounds {
            #expect(try await channel.receive() == round)
            #expect(plain[round].value == round + 1)
        }
        try await sent
    }

    @Test func theClosingIsSynchronizedBeforeAReceiveThatReturnsBecauseItIsClosed() async throws {
        for round in 1...Self.rounds {
            let channel = Channel<Int>()
            let plain = Plain()
            async let closed: Void = {
                plain.value = round
                channel.close()
            }()
            #expect(try await channel.receive() == nil)
            #expect(plain.value == round)
            await closed
        }
    }

    @Test func aReceiveFromAnUnbufferedChannelIsSynchronizedBeforeTheCompletionOfTheSend() async throws {
        let channel = Channel<Int>()
        let plain = (0..<Self.rounds).map { _ in Plain() }
        async let received: Void = {
            for round in 0..<Self.rounds {
                plain[round].value = round + 1
                _ = try await channel.receive()
            }
        }()
        for round in 0..<Self.rounds {
            try await channel.send(round)
            #expect(plain[round].value == round + 1)
        }
        try await received
    }

    @Test(arguments: [1, 2, 7])
    func theKthReceiveIsSynchronizedBeforeTheCompletionOfTheKPlusCthSend(_ capacity: Int) async throws {
        let channel = Channel<Int>(capacity: capacity)
        let plain = (0..<Self.rounds).map { _ in Plain() }
        async let received: Void = {
            for round in 0..<Self.rounds {
                plain[round].value = round + 1
                _ = try await channel.receive()
            }
        }()
        for round in 0..<Self.rounds {
            try await channel.send(round)
            if round >= capacity { #expect(plain[round - capacity].value == round - capacity + 1) }
        }
        try await received
    }

    @Test func aBufferedChannelLimitsThoseThatWorkAtOnce() async throws {
        let limit = Channel<Void>(capacity: 3)
        let most = Locked((now: 0, most: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await limit.send(())
                    most.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                    await Task.yield()
                    most.withLock { $0.now -= 1 }
                    _ = try await limit.receive()
                }
            }
            try await group.waitForAll()
        }
        #expect((1...3).contains(most.withLock { $0.most }))
    }
}
