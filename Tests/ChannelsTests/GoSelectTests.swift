import ApusPrimitives
import Testing

@testable import ApusChannels

/// One test for each promise of the Go language specification on select statements.
@Suite("Go's specification of select", .timeLimit(.minutes(1)))
struct GoSelectTests {
    @Test func elementsAreEvaluatedExactlyOnceInSourceOrder() async throws {
        var evaluated: [Int] = []
        func value(_ number: Int) -> Int {
            evaluated.append(number)
            return number
        }
        let channel = Channel<Int>(capacity: 1)
        let full = Channel<Int>()
        try await select {
            send(value(1), to: full) { _ = Issue.record("nobody receives") }
            send(value(2), to: channel) {}
            send(value(3), to: full) { _ = Issue.record("nobody receives") }
        }
        #expect(evaluated == [1, 2, 3])
    }

    @Test func ifSeveralCanProceedOneIsChosenUniformly() async throws {
        let channels = (0..<4).map { _ in Channel<Int>(capacity: 1) }
        var chosen = [0, 0, 0, 0]
        for channel in channels.dropLast() { try await channel.send(0) }
        for _ in 0..<3000 {
            let index = try await select {
                receive(from: channels[0]) { _ in 0 }
                receive(from: channels[1]) { _ in 1 }
                receive(from: channels[2]) { _ in 2 }
                receive(from: channels[3]) { _ in 3 }
            }
            chosen[index] += 1
            try await channels[index].send(0)
        }
        // Six standard deviations (26) from 1000.
        for count in chosen.dropLast() { #expect((845...1155).contains(count), "\(chosen)") }
        #expect(chosen[3] == 0)
    }

    @Test func ifNoneCanProceedTheDefaultIsChosen() async throws {
        let channel = Channel<Int>()
        let outcome = try await select {
            receive(from: channel) { _ in "received" }
            send(1, to: channel) { "sent" }
            otherwise { "default" }
        }
        #expect(outcome == "default")
    }

    @Test func withoutADefaultItBlocksUntilOneCanProceed() async throws {
        let numbers = Channel<Int>()
        let words = Channel<String>()
        let selecting = Task {
            try await select {
                receive(from: numbers) { "\($0 ?? 0)" }
                receive(from: words) { $0 ?? "closed" }
            }
        }
        await words.waitForReceivers(1)
        try await words.send("hello")
        #expect(try await selecting.value == "hello")
        #expect(numbers.waitingReceivers == 0)
        #expect(numbers.trySend(1) == .full(1))
    }

    @Test func aSelectThatSendsWaitsForItsReceiver() async throws {
        let first = Channel<Int>()
        let second = Channel<Int>()
        let selecting = Task {
            try await select {
                send(1, to: first) { "first" }
                send(2, to: second) { "second" }
            }
        }
        await second.waitForSenders(1)
        #expect(try await second.receive() == 2)
        #expect(try await selecting.value == "second")
        #expect(first.tryReceive().isEmpty)
    }

    @Test func onlyTheOperationOfTheChosenCaseIsExecuted() async throws {
        let first = Channel<Int>(capacity: 1)
        let second = Channel<Int>(capacity: 1)
        for _ in 0..<50 {
            try await select {
                send(1, to: first) {}
                send(2, to: second) {}
            }
            #expect(first.count + second.count == 1)
            _ = first.tryReceive()
            _ = second.tryReceive()
        }
    }

    @Test func aSelectWithoutCasesWaitsForever() async throws {
        @Sendable func waitForever() async throws {
            try await select {}
        }
        let waiting = Task { try await waitForever() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func twoSelectsMeet() async throws {
        let channel = Channel<Int>()
        let other = Channel<Int>()
        async let sent = select {
            send(1, to: channel) { "sent" }
            receive(from: other) { _ in "received" }
        }
        let received = try await select {
            receive(from: channel) { $0 ?? -1 }
            send(5, to: other) { 5 }
        }
        #expect(try await (sent, received) == (received == 1 ? ("sent", 1) : ("received", 5)))
    }

    @Test func aClosedChannelIsReady() async throws {
        let channel = Channel<Int>()
        channel.close()
        let outcome = try await select {
            receive(from: channel) { $0 == nil ? "closed" : "received" }
            otherwise { "default" }
        }
        #expect(outcome == "closed")
        await #expect(throws: ChannelClosed.self) { try await select { send(1, to: channel) {} } }
    }

    @Test func closingWakesASelect() async throws {
        struct Reason: Error {}
        let channel = Channel<Int>()
        let other = Channel<Int>()
        let receiving = Task {
            try await select {
                receive(from: channel) { _ in }; receive(from: other) { _ in }
            }
        }
        await other.waitForReceivers(1)
        channel.close(throwing: Reason())
        await #expect(throws: Reason.self) { try await receiving.value }
        let sending = Task { try await select { send(1, to: other) {} } }
        await other.waitForSenders(1)
        other.close()
        await #expect(throws: ChannelClosed.self) { try await sending.value }
    }

    @Test func aCaseUnderAnIfIsAbsentWhenItIsFalse() async throws {
        let channel = Channel<Int>(capacity: 1)
        try await channel.send(1)
        for listens in [false, true] {
            let outcome = try await select {
                if listens { receive(from: channel) { _ in "received" } }
                otherwise { "default" }
            }
            #expect(outcome == (listens ? "received" : "default"))
        }
    }

    @Test func theTimeoutComesWhenNothingElseDoes() async throws {
        let channel = Channel<Int>()
        let outcome = try await select {
            receive(from: channel) { _ in "received" }
            timeout(.milliseconds(1)) { "timeout" }
        }
        #expect(outcome == "timeout")
        #expect(channel.waitingReceivers == 0)
    }

    @Test func aSelectTakesElementsThatCannotBeCopied() async throws {
        struct Token: ~Copyable { let number: Int }
        let channel = Channel<Token>(capacity: 1)
        try await select { send(Token(number: 7), to: channel) {} }
        let number = try await select {
            receive(from: channel) { token in
                switch consume token {
                case .some(let token): token.number
                case .none: 0
                }
            }
        }
        #expect(number == 7)
    }
}
