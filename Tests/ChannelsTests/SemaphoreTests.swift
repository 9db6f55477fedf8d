import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct SemaphoreTests {
    @Test func permitsAreTakenAndGivenBack() async throws {
        let semaphore = Semaphore(permits: 3)
        try await semaphore.acquire(2)
        #expect(semaphore.available == 1)
        #expect(!semaphore.tryAcquire(2))
        #expect(semaphore.tryAcquire())
        semaphore.release(3)
        #expect(semaphore.available == 3)
    }

    @Test func aLargeRequestIsNotOvertaken() async throws {
        let semaphore = Semaphore(permits: 2)
        try await semaphore.acquire()
        let large = Task { try await semaphore.acquire(2) }
        try await eventually { semaphore.waiting == 1 }
        #expect(!semaphore.tryAcquire())
        semaphore.release()
        try await large.value
        #expect(semaphore.available == 0)
    }

    @Test func aCancelledAcquireHoldsNothingAndLetsTheNextGo() async throws {
        let semaphore = Semaphore(permits: 2)
        try await semaphore.acquire()
        let large = Task { try await semaphore.acquire(2) }
        try await eventually { semaphore.waiting == 1 }
        let small = Task { try await semaphore.acquire() }
        try await eventually { semaphore.waiting == 2 }
        large.cancel()
        await #expect(throws: CancellationError.self) { try await large.value }
        try await small.value
        #expect(semaphore.available == 0)
    }

    @Test func moreThanThereAreIsRefused() async {
        let semaphore = Semaphore(permits: 2)
        await #expect(throws: SemaphoreTooSmall(asked: 3, permits: 2)) { try await semaphore.acquire(3) }
        #expect(!semaphore.tryAcquire(3))
    }

    @Test func withPermitGivesBackHoweverItEnds() async throws {
        let semaphore = Semaphore(permits: 1)
        await #expect(throws: Differs.self) {
            try await semaphore.withPermit { throw Differs(description: "on purpose") }
        }
        #expect(try await semaphore.withPermit { semaphore.available } == 0)
        #expect(semaphore.available == 1)
    }

    @Test func givingBackTooMuchIsAnError() async {
        await #expect(processExitsWith: .failure) { Semaphore(permits: 1).release() }
    }

    /// Tasks that are cancelled at random never hold more than there is, and everything comes back.
    @Test(arguments: [UInt64(1), 2, 3]) func nothingIsLostUnderCancellation(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let semaphore = Semaphore(permits: 3)
        let held = Locked(0)
        for _ in 0..<100 {
            let tasks = (0..<6).map { _ in
                let weight = 1 + random.below(3)
                return Task {
                    try await semaphore.withPermits(weight) {
                        let isTooMuch = held.withLock { held in
                            held += weight
                            return held > 3
                        }
                        await Task.yield()
                        held.withLock { $0 -= weight }
                        #expect(!isTooMuch, "seed \(seed)")
                    }
                }
            }
            for task in tasks where random.isOne(in: 2) { task.cancel() }
            for task in tasks { _ = await task.result }
            #expect(semaphore.available == 3, "seed \(seed)")
        }
    }

    /// Against a list of requests that is gone through from the start after each step.
    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        schedules(6_000) { random in
            let permits = 1 + random.below(5)
            var state = SemaphoreState<Int>(permits: permits)
            var model = NaiveSemaphore(permits: permits)
            var tickets: [Int: Ticket] = [:]
            for step in 0..<20 {
                switch random.below(6) {
                case 0, 1:
                    let weight = random.below(permits + 1)
                    model.requests.append((step, weight, false))
                    let granted = model.grant()
                    let ticket = state.acquire(weight, step)
                    tickets[step] = ticket
                    try checkEqual(ticket == nil ? [step] : [], granted, "granted at once")
                case 2:
                    let weight = random.below(permits + 2)
                    let may = model.free >= weight && !model.requests.contains { !$0.holds }
                    try checkEqual(state.tryAcquire(weight), may, "tried \(weight)")
                    if may { model.requests.append((step, weight, true)) }
                case 3, 4:
                    guard
                        let index = model.requests.indices.filter({ model.requests[$0].holds }).randomElement(
                            using: &random)
                    else {
                        try check(state.release(1) == nil, "gave back what nobody had")
                        continue
                    }
                    let weight = model.requests.remove(at: index).weight
                    try checkEqual(state.release(weight), model.grant(), "granted by a release")
                default:
                    guard let id = tickets.keys.sorted().randomElement(using: &random), let ticket = tickets[id] else {
                        continue
                    }
                    let index = model.requests.firstIndex { $0.id == id && !$0.holds }
                    if let index { model.requests.remove(at: index) }
                    let (leaver, granted) = state.cancel(ticket)
                    try checkEqual(leaver, index == nil ? nil : id, "left")
                    try checkEqual(granted, model.grant(), "granted by a leaver")
                }
                try checkEqual(state.available, model.free, "available")
            }
        }
    }
}

private struct NaiveSemaphore {
    let permits: Int
    var requests: [(id: Int, weight: Int, holds: Bool)] = []

    var free: Int { permits - requests.reduce(0) { $0 + ($1.holds ? $1.weight : 0) } }

    /// From the first that waits on, until one does not fit.
    mutating func grant() -> [Int] {
        var granted: [Int] = []
        for index in requests.indices where !requests[index].holds {
            guard requests[index].weight <= free else { break }
            requests[index].holds = true
            granted.append(requests[index].id)
        }
        return granted
    }
}
