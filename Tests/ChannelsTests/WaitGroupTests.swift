import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct WaitGroupTests {
    @Test func waitsUntilEverythingIsDone() async throws {
        let group = WaitGroup(2)
        let returned = Locked(false)
        let waiter = Task {
            try await group.wait()
            returned.withLock { $0 = true }
        }
        group.done()
        #expect(group.count == 1)
        #expect(!returned.withLock { $0 })
        group.done()
        try await waiter.value
    }

    @Test func returnsAtOnceWhenThereIsNothingToDo() async throws {
        try await WaitGroup().wait()
    }

    @Test func mayBeUsedAgain() async throws {
        let group = WaitGroup()
        for _ in 0..<3 {
            group.add(2)
            async let all: Void = group.wait()
            group.add(-2)
            try await all
        }
    }

    @Test func trackCountsHoweverItEnds() async throws {
        let group = WaitGroup()
        await #expect(throws: Differs.self) { try await group.track { throw Differs(description: "on purpose") } }
        #expect(await group.track { group.count } == 1)
        #expect(group.count == 0)
    }

    @Test func aCancelledWaiterLeavesAndTheThingsGoOn() async throws {
        let group = WaitGroup(1)
        let waiter = Task { try await group.wait() }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        #expect(group.count == 1)
        group.done()
    }

    @Test func moreDoneThanAddedIsAnError() async {
        await #expect(processExitsWith: .failure) {
            let group = WaitGroup(1)
            group.done()
            group.done()
        }
    }

    /// Against a count and a list.
    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        schedules(5_000) { random in
            var state = WaitGroupState<Int>()
            var (count, waiting): (Int, [(ticket: Ticket, waiter: Int)]) = (0, [])
            var left: [Ticket] = []
            for step in 0..<20 {
                switch random.below(4) {
                case 0, 1:
                    let change = random.below(6) - 3
                    switch state.add(change) {
                    case .belowZero: try check(count + change < 0, "refused \(change) at \(count)")
                    case .counted(let woken):
                        count += change
                        try check(count >= 0, "counted below zero")
                        try checkEqual(woken, count == 0 ? waiting.map(\.waiter) : [], "woken")
                        if count == 0 {
                            left += waiting.map(\.ticket)
                            waiting = []
                        }
                    }
                case 2:
                    let ticket = state.wait(step)
                    try checkEqual(ticket == nil, count == 0, "nothing to wait for")
                    if let ticket { waiting.append((ticket, step)) }
                default:
                    if random.isOne(in: 3), !left.isEmpty {
                        try checkEqual(state.cancel(left[random.below(left.count)]), nil, "left twice")
                    } else if let (ticket, waiter) = random.take(from: &waiting) {
                        try checkEqual(state.cancel(ticket), waiter, "left")
                        left.append(ticket)
                    }
                }
                try checkEqual(state.count, count, "count")
            }
        }
    }
}
