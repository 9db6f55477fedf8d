import ApusChannels
import ApusPrimitives
import TestSupport
import Testing

@Suite struct WaiterTests {
    private struct Broken: Error {}

    @Test func onlyTheFirstAnswerCounts() async throws {
        let value = try await Waiter<Int>.wait { waiter in
            waiter.answer(.success(1))
            waiter.answer(.success(2))
            #expect(waiter.isGone && !waiter.begin())
        }
        #expect(value == 1)
        await #expect(throws: Broken.self) { try await Waiter<Int>.wait { $0.answer(.failure(Broken())) } }
    }

    @Test func aCancelledCallerLeavesAtOnceAndItsWorkIsNotBegun() async throws {
        let queue = Locked<[Waiter<Int>]>([])
        let caller = Task { try await Waiter<Int>.wait { waiter in queue.withLock { $0.append(waiter) } } }
        try await eventually { queue.withLock { !$0.isEmpty } }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        let waiter = try #require(queue.withLock { $0.first })
        #expect(waiter.isGone && !waiter.begin())
        waiter.answer(.success(1))
    }

    @Test func workThatHasBegunIsWaitedForInSpiteOfCancellation() async throws {
        let queue = Locked<[Waiter<Int>]>([])
        let caller = Task { try await Waiter<Int>.wait { waiter in queue.withLock { $0.append(waiter) } } }
        try await eventually { queue.withLock { !$0.isEmpty } }
        let waiter = try #require(queue.withLock { $0.first })
        #expect(waiter.begin() && !waiter.begin())
        caller.cancel()
        waiter.answer(.success(1))
        #expect(try await caller.value == 1)
    }

    @Test func whoIsCancelledAlreadyIsNotEnqueued() async throws {
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Waiter<Int>.wait { _ in Issue.record("it was enqueued") }
        }
        await #expect(throws: CancellationError.self) { try await caller.value }
    }
}
