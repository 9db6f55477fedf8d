import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct OnceTests {
    struct Failed: Error, Equatable {}

    @Test func computesOnceHoweverManyAsk() async throws {
        let runs = Locked(0)
        let once = Once {
            await Task.yield()
            return runs.withLock { runs in
                runs += 1
                return runs
            }
        }
        #expect(once.result == nil)
        let callers = (0..<50).map { _ in Task { try await once.value } }
        for caller in callers { #expect(try await caller.value == 1) }
        #expect(try await once.value == 1)
        #expect(try once.result?.get() == 1)
    }

    @Test func anErrorIsKeptForEverybody() async {
        let runs = Locked(0)
        let once = Once<Int> {
            runs.withLock { $0 += 1 }
            throw Failed()
        }
        for _ in 0..<3 {
            await #expect(throws: Failed.self) { try await once.value }
        }
        #expect(runs.withLock { $0 } == 1)
    }

    /// The next in line computes from the start; the others notice nothing.
    @Test func whenTheFirstCallerIsCancelledTheNextTakesOver() async throws {
        let (runs, began, go) = (Locked(0), Signal<Void>(), Signal<Void>())
        let once = Once {
            let run = runs.withLock { runs in
                runs += 1
                return runs
            }
            began.send()
            try await go.value
            return run
        }
        let first = Task { try await once.value }
        try await began.value
        let others = (0..<3).map { _ in Task { try await once.value } }
        try await eventually { once.waiting == 3 }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        go.send()
        for other in others { #expect(try await other.value == 2) }
        #expect(runs.withLock { $0 } == 2)
    }

    @Test func aFirstCallerThatWasCancelledAloneLeavesNothing() async throws {
        let once = Once {
            try Task.checkCancellation()
            return 5
        }
        let first = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await once.value
        }
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(once.result == nil)
        #expect(try await once.value == 5)
    }

    @Test func aCancellationErrorOfACallerThatWasNotCancelledIsAnOutcome() async {
        let once = Once<Int> { throw CancellationError() }
        await #expect(throws: CancellationError.self) { try await once.value }
        #expect(once.result != nil)
    }

    @Test func aCancelledWaiterLeavesTheOthersTheirValue() async throws {
        let go = Signal<Int>()
        let once = Once { try await go.value }
        let first = Task { try await once.value }
        let (second, third) = (Task { try await once.value }, Task { try await once.value })
        try await eventually { once.waiting == 2 }
        second.cancel()
        _ = await second.result
        go.send(9)
        #expect(try await first.value == 9)
        #expect(try await third.value == 9)
    }

    /// Of tasks that are cancelled at random, those that are not all get the one value.
    @Test(arguments: [UInt64(1), 2, 3]) func survivorsGetOneValueUnderCancellation(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100 {
            let finished = Locked(0)
            let once = Once {
                await Task.yield()
                try Task.checkCancellation()
                return finished.withLock { finished in
                    finished += 1
                    return finished
                }
            }
            let tasks = (0..<6).map { _ in (Task { try await once.value }, random.isOne(in: 2)) }
            for (task, isCancelled) in tasks where isCancelled { task.cancel() }
            for (task, isCancelled) in tasks {
                switch await task.result {
                case .success(let value): #expect(value == 1, "seed \(seed)")
                case .failure(let error): #expect(isCancelled && error is CancellationError, "seed \(seed)")
                }
            }
            #expect(try await once.value == 1, "seed \(seed)")
        }
    }

    /// Against a list of those who wait, and who computes.
    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        schedules(5_000) { random in
            var state = OnceState<Int, Int>()
            var (waiting, left): ([(ticket: Ticket, id: Int)], [Ticket]) = ([], [])
            var (computes, value): (Bool, Int?) = (false, nil)
            for step in 0..<20 {
                switch random.below(6) {
                case 0...2:
                    switch state.enter() {
                    case .compute:
                        try check(!computes && value == nil, "two compute")
                        computes = true
                    case .settled(let result): try checkEqual(try? result.get(), value, "value")
                    case nil:
                        try check(computes, "waits for nobody")
                        waiting.append((state.wait(step), step))
                    }
                case 3:
                    if random.isOne(in: 3), !left.isEmpty {
                        try checkEqual(state.cancel(left[random.below(left.count)]), nil, "left twice")
                    } else if let (ticket, id) = random.take(from: &waiting) {
                        try checkEqual(state.cancel(ticket), id, "left")
                        left.append(ticket)
                    }
                case 4 where computes:
                    let next = state.abandon()
                    try checkEqual(next, waiting.first?.id, "who takes over")
                    if waiting.isEmpty { computes = false } else { left.append(waiting.removeFirst().ticket) }
                case 5 where computes && random.isOne(in: 2):
                    try checkEqual(state.settle(.success(step)), waiting.map(\.id), "told")
                    (computes, value, left, waiting) = (false, step, left + waiting.map(\.ticket), [])
                default:
                    guard value != nil else { continue }
                    try checkEqual(state.settle(.success(-1)), [], "a second result")
                    try checkEqual(state.abandon(), nil, "given up after the end")
                }
                try checkEqual(try? state.result?.get(), value, "result")
            }
        }
    }
}
