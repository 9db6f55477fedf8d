import ApusChannels
import ApusPrimitives
import TestSupport
import Testing

@Suite struct WithWaitGroupTests {
    struct Failed: Error, Equatable {}

    @Test func returnsWhenAllHaveEnded() async throws {
        let ended = Locked(0)
        let value = try await withWaitGroup { group in
            for _ in 0..<100 {
                try await group.go { ended.withLock { $0 += 1 } }
            }
            return 7
        }
        #expect(value == 7)
        #expect(ended.withLock { $0 } == 100)
    }

    @Test func neverMoreThanTheLimitRun() async throws {
        let counts = Locked((running: 0, most: 0))
        try await withWaitGroup(atMost: 3) { group in
            for _ in 0..<200 {
                try await group.go {
                    counts.withLock { counts in
                        counts.running += 1
                        counts.most = max(counts.most, counts.running)
                    }
                    await Task.yield()
                    counts.withLock { $0.running -= 1 }
                }
            }
        }
        #expect((1...3).contains(counts.withLock { $0.most }))
    }

    @Test func theFirstErrorCancelsTheOthersAndIsThrown() async throws {
        let never = WaitGroup(1)
        await #expect(throws: Failed.self) {
            try await withWaitGroup(atMost: 2) { group in
                try await group.go { try await never.wait() }
                try await group.go { throw Failed() }
                // Refused once the task before has failed: that must not hide its error.
                while true { try await group.go {} }
            }
        }
    }

    @Test func anErrorOfTheBodyCancelsTheTasks() async throws {
        let never = WaitGroup(1)
        await #expect(throws: Failed.self) {
            try await withWaitGroup { group in
                try await group.go { try? await never.wait() }
                throw Failed()
            }
        }
    }

    @Test func aCancelledCallerCancelsTheTasks() async throws {
        let (never, began) = (WaitGroup(1), Signal<Void>())
        let caller = Task {
            try await withWaitGroup { group in
                try await group.go {
                    began.send()
                    try await never.wait()
                }
            }
        }
        try await began.value
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
    }
}
