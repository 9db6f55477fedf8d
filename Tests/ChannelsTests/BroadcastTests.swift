import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct BroadcastTests {
    struct Broken: Error, Equatable {}

    private let broadcast = Broadcast<Int>()

    private func drain(_ subscription: BroadcastSubscription<Int>) async throws -> [Int] {
        var all: [Int] = []
        for try await element in subscription { all.append(element) }
        return all
    }

    @Test func everybodyGetsEverythingInOrder() async throws {
        let subscriptions = (0..<3).map { broadcast.subscribe(capacity: 1 + $0, whenSlow: .wait) }
        let readers = subscriptions.map { subscription in Task { try await drain(subscription) } }
        for element in 0..<100 { try await broadcast.publish(element) }
        broadcast.close()
        for reader in readers { #expect(try await reader.value == Array(0..<100)) }
    }

    @Test func whoComesLaterGetsWhatComesLater() async throws {
        try await broadcast.publish(1)
        let late = broadcast.subscribe(capacity: 4, whenSlow: .wait)
        try await broadcast.publish(2)
        broadcast.close()
        #expect(try await drain(late) == [2])
        #expect(try await drain(broadcast.subscribe(capacity: 1, whenSlow: .wait)) == [])
    }

    @Test func aSubscriberMayStartWithHowThingsStand() async throws {
        let subscription = broadcast.subscribe(capacity: 1, whenSlow: .dropNewest, startingWith: 0)
        try await broadcast.publish(1)
        #expect(try await subscription.receive() == 0)
        #expect(subscription.missed == 1)
    }

    @Test func aSlowSubscriberThatIsWaitedForHoldsUpThePublisher() async throws {
        let slow = broadcast.subscribe(capacity: 2, whenSlow: .wait)
        let quick = broadcast.subscribe(capacity: 10, whenSlow: .wait)
        try await broadcast.publish(1)
        try await broadcast.publish(2)
        #expect(try !broadcast.tryPublish(3))
        let third = Task { try await broadcast.publish(3) }
        try await eventually { broadcast.waiting == 1 }
        #expect(try await slow.receive() == 1)
        try await third.value
        broadcast.close()
        #expect(try await drain(slow) == [2, 3])
        #expect(try await drain(quick) == [1, 2, 3])
        #expect(slow.missed == 0)
    }

    @Test func aPublicationThatIsCancelledReachesNobody() async throws {
        let slow = broadcast.subscribe(capacity: 1, whenSlow: .wait)
        let quick = broadcast.subscribe(capacity: 10, whenSlow: .dropOldest)
        try await broadcast.publish(1)
        let cancelled = Task { try await broadcast.publish(2) }
        try await eventually { broadcast.waiting == 1 }
        let third = Task { try await broadcast.publish(3) }
        try await eventually { broadcast.waiting == 2 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(try await slow.receive() == 1)
        try await third.value
        broadcast.close()
        #expect(try await drain(slow) == [3])
        #expect(try await drain(quick) == [1, 3])
    }

    @Test func dropOldestKeepsWhatIsNew() async throws {
        let subscription = broadcast.subscribe(capacity: 2, whenSlow: .dropOldest)
        for element in 1...5 { try await broadcast.publish(element) }
        broadcast.close()
        #expect(try await drain(subscription) == [4, 5])
        #expect(subscription.missed == 3)
    }

    @Test func dropNewestKeepsTheBeginning() async throws {
        let subscription = broadcast.subscribe(capacity: 2, whenSlow: .dropNewest)
        for element in 1...5 { try await broadcast.publish(element) }
        #expect(subscription.missed == 3)
        #expect(try await subscription.receive() == 1)
        try await broadcast.publish(6)
        broadcast.close()
        #expect(try await drain(subscription) == [2, 6])
    }

    @Test func disconnectSaysHowManyWereMissed() async throws {
        let subscription = broadcast.subscribe(capacity: 2, whenSlow: .disconnect)
        for element in 1...5 { try await broadcast.publish(element) }
        #expect(try await subscription.receive() == 1)
        try await broadcast.publish(6)
        #expect(try await subscription.receive() == 2)
        #expect(subscription.missed == 4)
        await #expect(throws: SubscriberTooSlow(missed: 4, capacity: 2)) { try await subscription.receive() }
        #expect(try await subscription.receive() == nil)
        #expect(broadcast.subscriberCount == 0)
    }

    @Test func closingRefusesPublishersAndLetsReadersDrain() async throws {
        let subscription = broadcast.subscribe(capacity: 1, whenSlow: .wait)
        try await broadcast.publish(1)
        let refused = Task { try await broadcast.publish(2) }
        try await eventually { broadcast.waiting == 1 }
        broadcast.close(throwing: Broken())
        broadcast.close()
        let error = await #expect(throws: ChannelClosed.self) { try await refused.value }
        #expect(error?.cause is Broken)
        await #expect(throws: ChannelClosed.self) { try await broadcast.publish(3) }
        #expect(try await subscription.receive() == 1)
        await #expect(throws: Broken.self) { try await subscription.receive() }
    }

    @Test func aSubscriberThatNobodyHasHoldsUpNobody() async throws {
        var subscription: BroadcastSubscription? = broadcast.subscribe(capacity: 1, whenSlow: .wait)
        try await broadcast.publish(1)
        let second = Task { try await broadcast.publish(2) }
        try await eventually { broadcast.waiting == 1 }
        #expect(subscription?.missed == 0)
        subscription = nil
        try await second.value
        #expect(broadcast.subscriberCount == 0)
    }

    @Test func cancellingASubscriptionEndsWhoReadsIt() async throws {
        let subscription = broadcast.subscribe(capacity: 1, whenSlow: .wait)
        let reader = Task { try await drain(subscription) }
        try await broadcast.publish(1)
        try await eventually { (try? broadcast.tryPublish(2)) == true }
        subscription.cancel()
        #expect(try await reader.value.first == 1)
    }

    @Test func aCancelledReaderTakesNothing() async throws {
        let subscription = broadcast.subscribe(capacity: 1, whenSlow: .wait)
        let reader = Task { try await subscription.receive() }
        reader.cancel()
        await #expect(throws: CancellationError.self) { try await reader.value }
        try await broadcast.publish(1)
        #expect(try await subscription.receive() == 1)
    }

    /// Readers and publishers that are cancelled at random: an element that was published reaches every subscriber that
    /// is waited for, once and in one order; one that was not reaches none.
    @Test(arguments: [UInt64(1), 2, 3]) func nothingIsLostOrDoubledUnderCancellation(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            let broadcast = Broadcast<Int>()
            let subscriptions = (0..<2).map { _ in broadcast.subscribe(capacity: 1, whenSlow: .wait) }
            let readers = subscriptions.map { subscription in
                Task {
                    var got: [Int] = []
                    while true {
                        // Some reads give up: what they did not take, the next one gets.
                        let read = Task { try await subscription.receive() }
                        if got.count % 2 == 0 { read.cancel() }
                        do {
                            guard let element = try await read.value else { return got }
                            got.append(element)
                        } catch is CancellationError {
                            guard let element = try await subscription.receive() else { return got }
                            got.append(element)
                        }
                    }
                }
            }
            let publishers = (0..<8).map { element in (element, Task { try await broadcast.publish(element) }) }
            for (_, publisher) in publishers where random.isOne(in: 2) { publisher.cancel() }
            var published: [Int] = []
            for (element, publisher) in publishers {
                if case .success = await publisher.result { published.append(element) }
            }
            broadcast.close()
            let got = try await readers[0].value
            #expect(got.sorted() == published, "seed \(seed)")
            #expect(try await readers[1].value == got, "seed \(seed)")
        }
    }
}
