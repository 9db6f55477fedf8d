import ApusChannels
import ApusPrimitives
import TestSupport
import Testing

@Suite struct SignalTests {
    private struct Gone: Error {}

    @Test func everyoneHearsTheFirstOutcomeNowAndLater() async throws {
        let signal = Signal<Int>()
        async let first = signal.value
        async let second = signal.value
        signal.send(7)
        signal.send(8)
        signal.fail(Gone())
        let heard = try await [first, second, signal.value]
        #expect(heard == [7, 7, 7])
    }

    @Test func aFailureIsHeardToo() async throws {
        let signal = Signal<Void>()
        let waiting = Task { try await signal.value }
        signal.fail(Gone())
        signal.send()
        await #expect(throws: Gone.self) { try await waiting.value }
        await #expect(throws: Gone.self) { try await signal.value }
    }

    @Test func aCancelledOneWaitsNoLongerAndTheOthersDo() async throws {
        let signal = Signal<Int>()
        let cancelled = Task { try await signal.value }
        let patient = Task { try await signal.value }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        signal.send(1)
        #expect(try await patient.value == 1)
    }

    /// Whatever comes first, each waiter is resumed exactly once; a second time would trap.
    @Test func cancellationAndOutcomeMayMeet() async throws {
        for _ in 0..<500 {
            let signal = Signal<Int>()
            let waiters = (0..<4).map { _ in Task { try await signal.value } }
            let sender = Task { signal.send(1) }
            for waiter in waiters.dropFirst(2) { waiter.cancel() }
            await sender.value
            for waiter in waiters.prefix(2) { #expect(try await waiter.value == 1) }
            for waiter in waiters.dropFirst(2) { _ = await waiter.result }
        }
    }
}
