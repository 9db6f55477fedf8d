import TestSupport
import Testing

@testable import ApusChannels

/// One test for each promise of the Go language specification on channels (go.dev/ref/spec: channel types, send
/// statements, receive operator, close, select statements, for statements with range, length and capacity).
@Suite("Go's specification", .timeLimit(.minutes(1)))
struct GoSpecificationTests {
    // Channel types

    @Test func capacityZeroMeansThatCommunicationSucceedsOnlyWhenBothAreReady() async throws {
        let channel = Channel<Int>()
        #expect(channel.trySend(1) == .full(1))
        #expect(channel.tryReceive().isEmpty)
        async let sent: Void = channel.send(2)
        #expect(try await channel.receive() == 2)
        try await sent
    }

    @Test func aBufferedChannelSucceedsWithoutBlockingIfItIsNotFullForSendsAndNotEmptyForReceives() {
        let channel = Channel<Int>(capacity: 1)
        #expect(channel.trySend(1) == .sent)
        #expect(channel.trySend(2) == .full(2))
        #expect(channel.tryReceive().element == 1)
        #expect(channel.tryReceive().isEmpty)
    }

    @Test func channelsActAsFirstInFirstOutQueues() async throws {
        for capacity in [0, 1, 3, 100] {
            let channel = Channel<Int>(capacity: capacity)
            async let sent: Void = { for number in 0..<500 { try await channel.send(number) } }()
            for number in 0..<500 { #expect(try await channel.receive() == number) }
            try await sent
        }
    }

    @Test func aChannelMayBeUsedByAnyNumberOfTasksWithoutFurtherSynchronization() async throws {
        let channel = Channel<Int>(capacity: 4)
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for producer in 0..<4 {
                group.addTask {
                    for number in 0..<250 { try await channel.send(producer * 250 + number) }
                    return 0
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    var sum = 0
                    for _ in 0..<250 { sum += try await channel.receive() ?? 0 }
                    return sum
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 999 * 1000 / 2)
    }

    @Test func theOptionalArrowSpecifiesTheDirectionSendOrReceive() async throws {
        let channel = Channel<Int>(capacity: 1)
        let sender: SendChannel<Int> = channel.sender
        let receiver: ReceiveChannel<Int> = channel.receiver
        try await sender.send(1)
        #expect(receiver.count == 1)
        #expect(try await receiver.receive() == 1)
        #expect(sender.close())
        for try await number in receiver { Issue.record("\(number) from a closed channel") }
    }

    // Send statements

    @Test func theElementIsEvaluatedBeforeCommunicationBegins() async throws {
        struct Unready: Error {}
        func element() throws -> Int { throw Unready() }
        let channel = Channel<Int>(capacity: 1)
        await #expect(throws: Unready.self) { try await channel.send(element()) }
        #expect(channel.count == 0)
    }

    @Test func communicationBlocksUntilTheSendCanProceed() async throws {
        let channel = Channel<Int>(capacity: 1)
        try await channel.send(1)
        let sender = Task {
            try await channel.send(2)
            return channel.count
        }
        await channel.waitForSenders(1)
        #expect(try await channel.receive() == 1)
        _ = try await sender.value
        #expect(try await channel.receive() == 2)
    }

    @Test func aSendOnAnUnbufferedChannelCanProceedIfAReceiverIsReady() async throws {
        let channel = Channel<Int>()
        async let received = channel.receive()
        await channel.waitForReceivers(1)
        #expect(channel.trySend(1) == .sent)
        #expect(try await received == 1)
    }

    @Test func aSendOnAClosedChannelFails() async throws {
        let channel = Channel<Int>(capacity: 1)
        channel.close()
        await #expect(throws: ChannelClosed.self) { try await channel.send(1) }
        #expect(channel.trySend(1) == .closed(1))
    }

    @Test func aSendOnANilChannelBlocksForever() async throws {
        let nothing: Channel<Int>? = nil
        let outcome = try await select {
            send(1, to: nothing) { "sent" }
            otherwise { "blocked" }
        }
        #expect(outcome == "blocked")
    }

    // Receive operator

    @Test func theExpressionBlocksUntilAValueIsAvailable() async throws {
        let channel = Channel<Int>()
        let receiver = Task { try await channel.receive() }
        await channel.waitForReceivers(1)
        try await channel.send(7)
        #expect(try await receiver.value == 7)
    }

    @Test func receivingFromANilChannelBlocksForever() async throws {
        let nothing: ReceiveChannel<Int>? = nil
        let outcome = try await select {
            receive(from: nothing) { _ in "received" }
            otherwise { "blocked" }
        }
        #expect(outcome == "blocked")
    }

    @Test func aReceiveOnAClosedChannelProceedsImmediatelyAfterWhatWasSentBeforeHasBeenReceived() async throws {
        let channel = Channel<Int>(capacity: 2)
        try await channel.send(1)
        try await channel.send(2)
        channel.close()
        #expect(try await channel.receive() == 1)
        #expect(try await channel.receive() == 2)
        #expect(try await channel.receive() == nil)
        #expect(try await channel.receive() == nil)
    }

    // Close

    @Test func closeRecordsThatNoMoreValuesWillBeSent() async throws {
        let channel = Channel<Int>()
        async let received = channel.receive()
        await channel.waitForReceivers(1)
        #expect(channel.close())
        #expect(try await received == nil)
        #expect(channel.isClosed)
    }

    @Test func closingAClosedChannelIsNoted() {
        let channel = Channel<Int>()
        #expect(channel.close())
        #expect(!channel.close())
    }

    @Test func closeMakesWaitingSendersFail() async throws {
        let channel = Channel<Int>()
        let sender = Task { try await channel.send(1) }
        await channel.waitForSenders(1)
        channel.close()
        await #expect(throws: ChannelClosed.self) { try await sender.value }
        #expect(try await channel.receive() == nil)
    }

    // Range, length and capacity

    @Test func rangeReceivesUntilTheChannelIsClosed() async throws {
        let channel = Channel<Int>(capacity: 3)
        for number in 1...3 { try await channel.send(number) }
        channel.close()
        var seen: [Int] = []
        for try await number in channel { seen.append(number) }
        #expect(seen == [1, 2, 3])
    }

    @Test func lenIsTheNumberOfElementsQueuedAndCapTheSizeOfTheBuffer() async throws {
        let channel = Channel<Int>(capacity: 3)
        #expect((channel.count, channel.capacity) == (0, 3))
        try await channel.send(1)
        #expect((channel.count, channel.capacity) == (1, 3))
        let meeting = Channel<Int>()
        #expect((meeting.count, meeting.capacity) == (0, 0))
    }
}
