import ApusPrimitives
import RaftSimulation
import Testing

@Suite struct LinearizabilityTests {
    /// What one `mix(value)` after another leaves.
    private static func mixed(_ values: UInt64..., from start: UInt64 = 0) -> UInt64 {
        values.reduce(start) { Register.apply(.mix($1), to: $0).state }
    }

    private static func verdict(_ history: [Operation]) -> LinearizabilityChecker.Verdict {
        LinearizabilityChecker().check(history)
    }

    private static func read(_ value: UInt64, _ invoked: UInt64, _ returned: UInt64, key: Int = 0) -> Operation {
        Operation(client: 1, key: key, input: .read, output: value, invoked: invoked, returned: returned)
    }

    private static func write(_ value: UInt64, _ invoked: UInt64, _ returned: UInt64?, key: Int = 0) -> Operation {
        Operation(
            client: 2, key: key, input: .write(value), output: returned == nil ? nil : 0, invoked: invoked,
            returned: returned ?? .max)
    }

    private static func mix(_ value: UInt64, _ output: UInt64?, _ invoked: UInt64, _ returned: UInt64) -> Operation {
        Operation(client: 3, input: .mix(value), output: output, invoked: invoked, returned: returned)
    }

    @Test func nothingIsLinearizable() {
        #expect(Self.verdict([]) == .linearizable)
    }

    @Test(arguments: [
        // One after the other.
        [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
        // A read beside a write sees it or not.
        [write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)],
        [write(1, 0, 10), read(1, 1, 2)],
        // Two writes at once, in either order.
        [write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)],
        [write(1, 0, 10), write(2, 0, 10), read(2, 11, 12)],
        // A write without an answer happened, happened late, or never.
        [write(1, 0, nil), read(1, 1, 2)],
        [write(1, 0, nil), read(0, 1, 2), read(1, 3, 4)],
        [write(1, 0, nil), read(0, 5, 6)],
        // A read without an answer says nothing.
        [Operation(client: 1, input: .read, invoked: 0), read(0, 1, 2)],
        [mix(1, mixed(2, 1), 0, 10), mix(2, mixed(2), 0, 10)],
        [mix(7, nil, 0, .max), mix(1, mixed(7, 1), 5, 6)],
        // The end of one and the beginning of the other at one moment: they overlap.
        [write(1, 0, 5), read(0, 5, 6)],
    ])
    func linearizable(_ history: [Operation]) {
        #expect(Self.verdict(history) == .linearizable)
    }

    @Test(arguments: [
        // A stale read.
        [write(1, 0, 1), read(0, 2, 3)],
        // A value that nobody wrote.
        [read(5, 0, 1)],
        // Seen, and then not any more.
        [write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)],
        [write(1, 0, nil), read(1, 1, 2), read(0, 3, 4)],
        // Two readers see two writes in two orders.
        [write(1, 0, 20), write(2, 0, 20), read(1, 1, 5), read(2, 6, 8), read(1, 9, 10)],
        // A lost update, and one that was done twice.
        [mix(1, mixed(1), 0, 1), mix(2, mixed(2), 2, 3)],
        [mix(1, mixed(1), 0, 1), mix(2, mixed(1, 1, 2), 2, 3)],
        // Read from the future.
        [read(1, 0, 1), write(1, 2, 3)],
    ])
    func notLinearizable(_ history: [Operation]) {
        guard case .violated = Self.verdict(history) else {
            Issue.record("\(history) passed")
            return
        }
    }

    @Test func keysAreApart() {
        let good = [Self.write(1, 0, 1, key: 1), Self.read(0, 2, 3, key: 2), Self.read(1, 4, 5, key: 1)]
        #expect(Self.verdict(good) == .linearizable)
        let stale = Self.read(0, 6, 7, key: 1)
        #expect(Self.verdict(good + [stale]) == .violated(key: 1, operation: stale))
    }

    @Test func givesUpHonestly() {
        // Twenty writes at once that nobody read, and a read of something else: only all orders prove that it is wrong.
        let history = (1...20).map { Self.write(UInt64($0), 0, 100) } + [Self.read(99, 101, 102)]
        #expect(LinearizabilityChecker(stepLimit: 10_000).check(history) == .unknown(key: 0))
        let stale = [Self.write(1, 0, 1, key: 1), Self.read(0, 2, 3, key: 1)]
        guard case .violated(key: 1, _) = LinearizabilityChecker(stepLimit: 10_000).check(history + stale) else {
            Issue.record("a violation of one key is certain whatever the others are")
            return
        }
    }

    @Test func longHistoriesAreQuick() {
        for seed in UInt64(1)...20 {
            var histories = RandomHistory(seed: seed, keys: 3, clients: 8)
            #expect(Self.verdict(histories.next(operations: 500)) == .linearizable, "seed \(seed)")
        }
    }

    @Test func agreesWithTryingEveryOrder() {
        var violations = 0
        for seed in UInt64(1)...2_000 {
            var histories = RandomHistory(seed: seed, keys: 1, clients: 3)
            var history = histories.next(operations: 1 + Int(seed % 6))
            if seed % 3 != 0 { histories.damage(&history) }
            let isLinearizable = BruteForce.isLinearizable(history)
            if !isLinearizable { violations += 1 }
            #expect((Self.verdict(history) == .linearizable) == isLinearizable, "seed \(seed): \(history)")
        }
        #expect(violations > 300)
        #expect(violations < 1_700)
    }

    @Test func damagedHistoriesAreFound() {
        var found = 0
        for seed in UInt64(1)...50 {
            var histories = RandomHistory(seed: seed, keys: 1, clients: 4)
            var history = histories.next(operations: 100)
            histories.forgetOneUpdate(&history)
            let verdict = LinearizabilityChecker(stepLimit: 20_000).check(history)
            #expect(verdict != .linearizable, "seed \(seed)")
            if case .violated = verdict { found += 1 }
        }
        #expect(found > 35)
    }
}
