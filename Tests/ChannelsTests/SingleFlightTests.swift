import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct SingleFlightTests {
    struct Failed: Error, Equatable {}

    private let flights = SingleFlight<String, Int>()
    private let calls = Locked(0)

    private func call() -> Int {
        calls.withLock { calls in
            calls += 1
            return calls
        }
    }

    @Test func callsOfTheSameTimeAreOneAndAreCounted() async throws {
        let go = Signal<Void>()
        let callers = (0..<10).map { _ in
            Task {
                try await flights.share("a") {
                    try await go.value
                    return call()
                }
            }
        }
        let other = Task { try await flights.share("b") { 77 } }
        #expect(try await other.value.value == 77)
        try await eventually { flights.waiting == 10 }
        #expect(flights.count == 1)
        go.send()
        for caller in callers {
            let shared = try await caller.value
            #expect(shared.value == 1)
            #expect(shared.callers == 10)
        }
        #expect(flights.count == 0)
        #expect(try await flights.run("a") { call() } == 2)
    }

    @Test func anErrorIsSharedAndNotRemembered() async throws {
        await #expect(throws: Failed.self) { try await flights.run("a") { throw Failed() } }
        #expect(try await flights.run("a") { 1 } == 1)
    }

    @Test func oneCallersCancellationLeavesTheOthersTheirCall() async throws {
        let go = Signal<Int>()
        let first = Task { try await flights.share("a") { try await go.value } }
        try await eventually { flights.waiting == 1 }
        let second = Task { try await flights.share("a") { 0 } }
        try await eventually { flights.waiting == 2 }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        go.send(5)
        let shared = try await second.value
        #expect(shared.value == 5)
        #expect(shared.callers == 1)
    }

    @Test func theLastCallersCancellationCancelsTheCall() async throws {
        let (never, cancelled) = (Signal<Int>(), Signal<Void>())
        let callers = (0..<3).map { _ in
            Task {
                try await flights.run("a") {
                    do { return try await never.value } catch {
                        cancelled.send()
                        throw error
                    }
                }
            }
        }
        try await eventually { flights.waiting == 3 }
        for caller in callers { caller.cancel() }
        try await cancelled.value
        for caller in callers { await #expect(throws: CancellationError.self) { try await caller.value } }
        #expect(flights.count == 0)
        #expect(try await flights.run("a") { 1 } == 1)
    }

    @Test func whoComesAfterForgetStartsAnew() async throws {
        let go = Signal<Int>()
        let old = Task { try await flights.run("a") { try await go.value } }
        try await eventually { flights.waiting == 1 }
        flights.forget("a")
        #expect(try await flights.run("a") { 2 } == 2)
        go.send(1)
        #expect(try await old.value == 1)
    }

    /// Of tasks that are cancelled at random, those that are not get a value, and nothing stays behind.
    @Test(arguments: [UInt64(1), 2, 3]) func survivorsGetAValueUnderCancellation(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100 {
            let tasks = (0..<6).map { _ in
                let key = "\(random.below(2))"
                return (
                    Task {
                        try await flights.run(key) {
                            await Task.yield()
                            try Task.checkCancellation()
                            return 1
                        }
                    }, random.isOne(in: 2)
                )
            }
            for (task, isCancelled) in tasks where isCancelled { task.cancel() }
            for (task, isCancelled) in tasks {
                let result = await task.result
                if !isCancelled { #expect((try? result.get()) == 1, "seed \(seed)") }
            }
            #expect(flights.waiting == 0, "seed \(seed)")
        }
        try await eventually { flights.count == 0 }
    }

    /// Against a list of flights, each with its callers.
    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        typealias State = SingleFlightState<Int, Int, String>
        struct Flight {
            let (id, key): (State.FlightID, Int)
            var isOpen = true
            var isStarted = false
            var callers: [(ticket: Ticket, id: Int)]
        }
        schedules(5_000) { random in
            var (state, model): (State, [Flight]) = (State(), [])
            var (left, gone): ([Ticket], [State.FlightID]) = ([], [])
            for step in 0..<24 {
                let any = model.isEmpty ? nil : random.below(model.count)
                switch random.below(8) {
                case 0...2:
                    let key = random.below(2)
                    let open = model.firstIndex { $0.key == key && $0.isOpen }
                    switch state.join(key, step) {
                    case .joined(let ticket):
                        guard let open else { throw Differs(description: "joined nothing") }
                        model[open].callers.append((ticket, step))
                    case .first(let ticket, let id):
                        try check(open == nil, "two calls")
                        model.append(Flight(id: id, key: key, callers: [(ticket, step)]))
                    }
                case 3:
                    if let any, !model[any].isStarted {
                        try check(state.started(model[any].id, "\(model[any].id.number)"), "nobody waits")
                        model[any].isStarted = true
                    } else if let id = random.take(from: &gone) {
                        try check(!state.started(id, ""), "started for nobody")
                    }
                case 4:
                    guard let any else { continue }
                    let flight = model.remove(at: any)
                    try checkEqual(state.landed(flight.id), flight.callers.map(\.id), "landed")
                    left += flight.callers.map(\.ticket)
                    gone.append(flight.id)
                case 5, 6:
                    guard let any, let caller = random.take(from: &model[any].callers) else {
                        guard let ticket = left.first else { continue }
                        let (leaver, abandoned) = state.cancel(ticket)
                        try check(leaver == nil && abandoned == nil, "left twice")
                        continue
                    }
                    let (leaver, abandoned) = state.cancel(caller.ticket)
                    left.append(caller.ticket)
                    try checkEqual(leaver, caller.id, "left")
                    let isLast = model[any].callers.isEmpty
                    let call = isLast && model[any].isStarted ? "\(model[any].id.number)" : nil
                    try checkEqual(abandoned, call, "cancelled")
                    if isLast { gone.append(model.remove(at: any).id) }
                default:
                    let key = random.below(2)
                    state.forget(key)
                    for index in model.indices where model[index].key == key { model[index].isOpen = false }
                }
                try checkEqual(state.count, model.count, "flights")
                try checkEqual(state.waiting, model.reduce(0) { $0 + $1.callers.count }, "waiting")
            }
        }
    }
}
