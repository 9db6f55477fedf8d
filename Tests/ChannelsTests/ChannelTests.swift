import ApusChannels
import Testing

@Suite("Channel", .timeLimit(.minutes(1)))
struct ChannelTests {
    @Test func aRendezvousHandsElementsOverInOrder() async throws {
        let channel = Channel<Int>()
        async let sending: Void = {
            for number in 1...100 { try await channel.send(number) }
            channel.close()
        }()
        var received: [Int] = []
        for try await number in channel { received.append(number) }
        try await sending
        #expect(received == Array(1...100))
    }

    @Test func aBufferTakesAsMuchAsItsCapacityWithoutAReceiver() async throws {
        let channel = Channel<Int>(capacity: 2)
        #expect(channel.trySend(1) == .sent)
        try await channel.send(2)
        #expect(channel.trySend(3) == .full(3))
        #expect(channel.count == 2)
        #expect(channel.tryReceive().element == 1)
        channel.close()
        #expect(channel.trySend(4) == .closed(4))
        #expect(try await channel.receive() == 2)
        #expect(try await channel.receive() == nil)
        #expect(channel.tryReceive().isClosed)
    }
}
