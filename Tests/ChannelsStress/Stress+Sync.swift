import ApusChannels
import ApusPrimitives

func stressWaitGroup(_ random: SeededRandom) async throws {
    var random = random
    let group = WaitGroup(20)
    let results = (0..<20).map { _ in Unguarded(0) }
    let waiters = (0..<4).map { _ in
        start {
            try await group.wait()
            afterLooking(at: group.count)
            return results.reduce(0) { $0 + $1.value }
        }
    }
    for waiter in waiters where random.isOne(in: 3) { waiter.cancel() }
    for (number, result) in results.enumerated() {
        start {
            result.value = number
            group.done()
        }
    }
    for waiter in waiters {
        if case .success(let sum) = await waiter.result { try check(sum == 190, "a waiter saw \(sum)") }
    }
    // Not while others may still write.
    try await group.wait()
}

func stressSemaphore(_ random: SeededRandom) async throws {
    var random = random
    let semaphore = Semaphore(permits: 3)
    let count = Unguarded(0)
    let weights = (0..<60).map { _ in Int.random(in: 1...3, using: &random) }
    let done = await runAndCancel(weights, &random) { weight in
        try await semaphore.withPermits(weight) {
            afterLooking(at: semaphore.available)
            // All permits: alone.
            if weight == 3 { count.value += 1 }
            await Task.yield()
        }
        return weight
    }
    let expected = done.count { (try? $0.get()) == 3 }
    try await semaphore.acquire(3)
    afterLooking(at: semaphore.available)
    try check(count.value == expected, "counted \(count.value) of \(expected)")
    semaphore.release(3)
}

func stressReadWriteLock(_ random: SeededRandom) async throws {
    var random = random
    let lock = ReadWriteLock()
    let count = Unguarded(0)
    let writes = (0..<60).map { _ in random.isOne(in: 3) }
    let done = await runAndCancel(writes, &random) { writes in
        if writes {
            try await lock.withWriteLock {
                afterLooking(at: lock.waiting)
                count.value += 1
                await Task.yield()
            }
            return 1
        }
        try await lock.withReadLock {
            afterLooking(at: lock.waiting)
            let before = count.value
            await Task.yield()
            if count.value != before { throw Broken(description: "written while it was read") }
        }
        return 0
    }
    for case .failure(let error as Broken) in done { throw error }
    let expected = done.reduce(0) { $0 + ((try? $1.get()) ?? 0) }
    let counted = try await lock.withReadLock { count.value }
    try check(counted == expected, "counted \(counted) of \(expected)")
}

func stressOnce(_ random: SeededRandom) async throws {
    var random = random
    let made = Unguarded(0)
    let once = Once {
        await Task.yield()
        try Task.checkCancellation()
        made.value += 1
        let box = Unguarded(0)
        box.value = 7
        return box
    }
    _ = await runAndCancel(Array(0..<12), &random) { _ in
        let box = try await once.value
        afterLooking(at: once.waiting)
        if box.value != 7 { throw Broken(description: "half made") }
    }
    try check(try await once.value.value == 7, "half made")
    try check(made.value == 1, "made \(made.value) times")
}

func stressSingleFlight(_ random: SeededRandom) async throws {
    var random = random
    let flights = SingleFlight<Int, Unguarded<Int>>()
    let keys = (0..<40).map { $0 % 3 }
    let done = await runAndCancel(keys, &random) { key in
        let box = try await flights.run(key) {
            await Task.yield()
            let box = Unguarded(0)
            box.value = key
            return box
        }
        afterLooking(at: flights.waiting)
        return box.value == key
    }
    try check(done.allSatisfy { (try? $0.get()) != false }, "another key's value")
    try check(flights.waiting == 0, "\(flights.waiting) still wait")
}

func stressGather(_ random: SeededRandom) async throws {
    var random = random
    let seed = random.next()
    let found = try await gather(from: Array(0..<6), until: .majority, within: .milliseconds(5)) { node in
        var random = SeededRandom(seed: seed &+ UInt64(node))
        if random.isOne(in: 3) { throw Broken(description: "on purpose") }
        if random.isOne(in: 3) { try await Signal<Void>().value }
        let box = Unguarded(0)
        box.value = node
        return box
    }
    try check(found.answers.allSatisfy { $0.answer.value == $0.source }, "another node's answer")
    try check(found.answers.count + found.failures.count + found.unanswered.count == 6, "somebody is lost")
}

func stressSignal(_ random: SeededRandom) async throws {
    var random = random
    let signal = Signal<Unguarded<Int>>()
    let waiters = (0..<8).map { _ in
        start {
            let box = try await signal.value
            // Settled by now: it answers from under its lock.
            _ = try await signal.value
            return box.value
        }
    }
    for waiter in waiters where random.isOne(in: 3) { waiter.cancel() }
    start {
        let box = Unguarded(0)
        box.value = 3
        signal.send(box)
    }
    for waiter in waiters {
        if case .success(let value) = await waiter.result { try check(value == 3, "half made") }
    }
}
