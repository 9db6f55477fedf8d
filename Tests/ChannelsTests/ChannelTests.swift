import TestSupport
import Testing

@testable import ApusChannels

@Suite("Channel", .timeLimit(.minutes(1)))
struct ChannelTests {
    struct Reason: Error, Equatable {}

    @Test func closeThrowingComesAfterTheDrain() async throws {
        let channel = Channel<Int>(capacity: 1)
        try await channel.send(1)
        #expect(channel.close(throwing: Reason()))
        #expect(!channel.close())
        #expect(try await channel.receive() == 1)
        await #expect(throws: Reason.self) { _ = try await channel.receive() }
        if case .closed(let cause) = channel.tryReceive() {
            #expect(cause is Reason)
        } else {
            Issue.record("not closed")
        }
        let refused = await #expect(throws: ChannelClosed.self) { try await channel.send(2) }
        #expect(refused?.cause is Reason)
        #expect("\(refused!)".contains("stop sending"))
    }

    @Test func theFirstCloseWins() async throws {
        let channel = Channel<Int>()
        #expect(channel.close())
        #expect(!channel.close(throwing: Reason()))
        #expect(try await channel.receive() == nil)
    }

    @Test func waitingSendersAreServedInTheOrderInWhichTheyCame() async throws {
        let channel = Channel<Int>()
        var senders: [Task<Void, any Error>] = []
        for number in 0..<20 {
            senders.append(Task { try await channel.send(number) })
            await channel.waitForSenders(number + 1)
        }
        for number in 0..<20 { #expect(try await channel.receive() == number) }
        for sender in senders { try await sender.value }
    }

    @Test func waitingReceiversAreServedInTheOrderInWhichTheyCame() async throws {
        let channel = Channel<Int>(capacity: 4)
        var receivers: [Task<Int?, any Error>] = []
        for number in 0..<20 {
            receivers.append(Task { try await channel.receive() })
            await channel.waitForReceivers(number + 1)
        }
        for number in 0..<20 { try await channel.send(number) }
        for (number, receiver) in receivers.enumerated() { #expect(try await receiver.value == number) }
    }

    @Test func anElementThatCannotBeCopiedGoesThrough() async throws {
        struct Token: ~Copyable { let number: Int }
        let channel = Channel<Token>(capacity: 1)
        try await channel.send(Token(number: 1))
        switch channel.trySend(Token(number: 2)) {
        case .full(let token): #expect(token.number == 2)
        default: Issue.record("not full")
        }
        switch try await channel.receive() {
        case .some(let token): #expect(token.number == 1)
        case .none: Issue.record("nothing came")
        }
    }

    @Test func anElementThatIsNotSendableIsGivenAway() async throws {
        final class Account { var balance = 0 }
        let channel = Channel<Account>()
        async let sent: Void = {
            let account = Account()
            account.balance = 5
            try await channel.send(account)
        }()
        let account = try await channel.receive()
        account?.balance += 1
        #expect(account?.balance == 6)
        try await sent
    }

    @Test func elementsLeftInAChannelAreDestroyedWithIt() async throws {
        final class Element: Sendable {}
        weak var left: Element?
        do {
            let channel = Channel<Element>(capacity: 2)
            let element = Element()
            left = element
            try await channel.send(element)
        }
        #expect(left == nil)
    }

    @Test func severalLoopsShareTheElements() async throws {
        let channel = Channel<Int>(capacity: 2)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var sum = 0
                    for try await number in channel.receiver { sum += number }
                    return sum
                }
            }
            for number in 1...100 { try await channel.send(number) }
            channel.close()
            return try await group.reduce(0, +)
        }
        #expect(sum == 5050)
    }
}
