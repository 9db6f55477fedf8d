import ApusPrimitives
import TestSupport
import Testing

@testable import ApusChannels

@Suite struct ReadWriteLockTests {
    @Test func readersReadSideBySide() async throws {
        let lock = ReadWriteLock()
        let both = WaitGroup(2)
        let readers = (0..<2).map { _ in
            Task {
                try await lock.withReadLock {
                    both.done()
                    try await both.wait()
                }
            }
        }
        for reader in readers { try await reader.value }
    }

    @Test func aWriterIsNotStarvedAndReadersBehindItGoInTogether() async throws {
        let lock = ReadWriteLock()
        let (firstReader, order) = (Signal<Void>(), Locked<[String]>([]))
        let reader = try await enter(lock, until: firstReader)
        let writer = Task { try await lock.withWriteLock { order.withLock { $0.append("write") } } }
        try await eventually { lock.waiting == 1 }
        let together = WaitGroup(2)
        let readers = (0..<2).map { _ in
            Task {
                try await lock.withReadLock {
                    order.withLock { $0.append("read") }
                    together.done()
                    try await together.wait()
                }
            }
        }
        try await eventually { lock.waiting == 3 }
        firstReader.send()
        for task in [reader, writer] + readers { try await task.value }
        #expect(order.withLock { $0 } == ["write", "read", "read"])
    }

    @Test func aCancelledWriterLetsTheReadersBehindItIn() async throws {
        let lock = ReadWriteLock()
        let done = Signal<Void>()
        let reader = try await enter(lock, until: done)
        let writer = Task { try await lock.withWriteLock { Issue.record("it was cancelled") } }
        try await eventually { lock.waiting == 1 }
        let second = Task { try await lock.withReadLock { done.send() } }
        try await eventually { lock.waiting == 2 }
        writer.cancel()
        await #expect(throws: CancellationError.self) { try await writer.value }
        try await second.value
        try await reader.value
    }

    /// A reader that is inside when this returns.
    private func enter(_ lock: ReadWriteLock, until leave: Signal<Void>) async throws -> Task<Void, any Error> {
        let isIn = Signal<Void>()
        let reader = Task {
            try await lock.withReadLock {
                isIn.send()
                try await leave.value
            }
        }
        try await isIn.value
        return reader
    }

    /// Tasks that are cancelled at random never write beside anybody.
    @Test(arguments: [UInt64(1), 2, 3]) func writersAreAloneUnderCancellation(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let lock = ReadWriteLock()
        let inside = Locked((readers: 0, writers: 0))
        for _ in 0..<100 {
            let tasks = (0..<6).map { _ in
                random.isOne(in: 3)
                    ? Task {
                        try await lock.withWriteLock {
                            #expect(inside.withLock { $0 == (0, 0) }, "seed \(seed)")
                            inside.withLock { $0.writers += 1 }
                            await Task.yield()
                            inside.withLock { $0.writers -= 1 }
                        }
                    }
                    : Task {
                        try await lock.withReadLock {
                            #expect(inside.withLock { $0.writers == 0 }, "seed \(seed)")
                            inside.withLock { $0.readers += 1 }
                            await Task.yield()
                            inside.withLock { $0.readers -= 1 }
                        }
                    }
            }
            for task in tasks where random.isOne(in: 2) { task.cancel() }
            for task in tasks { _ = await task.result }
            #expect(lock.waiting == 0, "seed \(seed)")
        }
        try await lock.withWriteLock {}
    }

    /// Against a list of all who hold or wait, gone through from the start after each step.
    @Test func anyOrderOfCallsDoesWhatTheModelSays() {
        schedules(6_000) { random in
            var state = ReadWriteState<Int>()
            var model = NaiveReadWriteLock()
            var tickets: [Int: Ticket] = [:]
            for step in 0..<20 {
                let writes = random.isOne(in: 3)
                switch random.below(6) {
                case 0, 1:
                    model.all.append((step, writes, false))
                    let granted = model.grant()
                    let ticket = state.lock(writes ? .write : .read, step)
                    tickets[step] = ticket
                    try checkEqual(ticket == nil ? [step] : [], granted, "granted at once")
                case 2:
                    model.all.append((step, writes, false))
                    let may = model.grant() == [step]
                    if !may { model.all.removeLast() }
                    try checkEqual(state.tryLock(writes ? .write : .read), may, "tried")
                case 3, 4:
                    let holders = model.all.indices.filter { model.all[$0].holds }
                    guard let index = holders.randomElement(using: &random) else { continue }
                    let writer = model.all.remove(at: index).writes
                    try checkEqual(state.unlock(writer ? .write : .read), model.grant(), "granted by an unlock")
                default:
                    guard let id = tickets.keys.sorted().randomElement(using: &random), let ticket = tickets[id] else {
                        continue
                    }
                    let index = model.all.firstIndex { $0.id == id && !$0.holds }
                    if let index { model.all.remove(at: index) }
                    let (leaver, granted) = state.cancel(ticket)
                    try checkEqual(leaver, index == nil ? nil : id, "left")
                    try checkEqual(granted, model.grant(), "granted by a leaver")
                }
                try checkEqual(state.waiting, model.all.count { !$0.holds }, "waiting")
            }
        }
    }
}

private struct NaiveReadWriteLock {
    var all: [(id: Int, writes: Bool, holds: Bool)] = []

    /// From the first that waits on, until one may not go in.
    mutating func grant() -> [Int] {
        var granted: [Int] = []
        for index in all.indices where !all[index].holds {
            let holders = all.filter(\.holds)
            guard all[index].writes ? holders.isEmpty : !holders.contains(where: \.writes) else { break }
            all[index].holds = true
            granted.append(all[index].id)
        }
        return granted
    }
}
