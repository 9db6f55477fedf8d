import ApusPrimitives
import ApusResilience
import Foundation
import Testing

@Suite struct RetryBudgetTests {
    private let now = MonotonicTime.zero + .seconds(100)

    private func budget(
        share: Double = 0.2, floor: Double = 0, window: Duration = .seconds(10), calls: Int = 0
    ) -> RetryBudget {
        let settings = RetryBudget.Configuration(share: share, floorPerSecond: floor, window: window)
        var budget = RetryBudget("payment", configuration: settings)
        for _ in 0..<calls { budget.recordCall(at: now) }
        return budget
    }

    private func withdrawals(_ budget: inout RetryBudget, at now: MonotonicTime) -> Int {
        var count = 0
        while count < 100_000, budget.withdraw(at: now) { count += 1 }
        return count
    }

    @Test func aShareOfTheCallsMayBeTriedAgain() {
        var budget = budget(calls: 100)
        #expect(withdrawals(&budget, at: now) == 20)
    }

    @Test func whoHasLittleTrafficHasTheFloor() {
        var budget = budget(floor: 3)
        #expect(withdrawals(&budget, at: now) == 30)
        #expect(withdrawals(&budget, at: now + .seconds(9)) == 0)
        #expect(withdrawals(&budget, at: now + .seconds(10)) == 30)
    }

    @Test func bothAddUp() {
        var budget = budget(floor: 1, calls: 50)
        #expect(withdrawals(&budget, at: now) == 20)
    }

    @Test func aShareOfATenthOfThirtyIsThree() {
        var budget = budget(share: 0.1, calls: 30)
        #expect(withdrawals(&budget, at: now) == 3)
    }

    @Test func callsOfTheWindowCountAndNoOthers() {
        var budget = budget(calls: 100)
        #expect(budget.numbers(at: now + .seconds(9)).allowed == 20)
        #expect(budget.numbers(at: now + .seconds(10)).allowed == 0)
        #expect(withdrawals(&budget, at: now + .seconds(10)) == 0)
    }

    @Test func aRefusalSaysItsNumbersAndWhenTheNextIsAllowed() {
        var budget = budget(share: 0.1, floor: 0.5, calls: 40)
        #expect(withdrawals(&budget, at: now) == 9)
        let error = budget.refusal(at: now + .seconds(4), cause: CancellationError())
        #expect(error.code == .retryBudgetExhausted)
        #expect(error.code.rawValue == "retry-budget-exhausted")
        #expect(error.policy == "payment")
        #expect(
            error.message
                == "9 of 9 second attempts allowed in 10.0 seconds are used (10.0 % of 40 calls, and 0.5 a second)")
        #expect(error.retryAfter == .seconds(6))
        #expect(error.cause is CancellationError)
        let early = budget.withdraw(at: now + .seconds(10) - .nanoseconds(1))
        #expect(!early)
        let then = budget.withdraw(at: now + .seconds(10))
        #expect(then)
    }

    @Test func whoNeverAllowsOneWithoutCallsKnowsNoTime() {
        #expect(budget().refusal(at: now).retryAfter == nil)
    }

    @Test func aChangeInUseKeepsWhatWasCounted() {
        var budget = budget(calls: 100)
        #expect(withdrawals(&budget, at: now) == 20)
        budget.reconfigure(RetryBudget.Configuration(share: 0.3, floorPerSecond: 0), at: now)
        #expect(withdrawals(&budget, at: now) == 10)
        budget.reconfigure(RetryBudget.Configuration(share: 0.1, floorPerSecond: 0), at: now)
        #expect(budget.numbers(at: now).balance == 0)
        budget.reconfigure(
            RetryBudget.Configuration(share: 0.4, floorPerSecond: 0, window: .seconds(60)), at: now + .seconds(5))
        #expect(withdrawals(&budget, at: now + .seconds(50)) == 10)
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = RetryBudget.Configuration(share: .nan, floorPerSecond: -1, window: .zero)
        #expect(low == RetryBudget.Configuration(share: 0, floorPerSecond: 0, window: .seconds(1)))
        let high = RetryBudget.Configuration(share: 11, floorPerSecond: .infinity, window: .seconds(99_999))
        #expect(high == RetryBudget.Configuration(share: 10, floorPerSecond: 10_000, window: .seconds(3_600)))
    }

    @Test func theDefaultsAreThoseOfTheManual() {
        let settings = RetryBudget.Configuration()
        #expect(settings.share == 0.2 && settings.floorPerSecond == 10 && settings.window == .seconds(10))
    }

    @Test func itsSettingsAreReadStrictly() throws {
        let settings = RetryBudget.Configuration(share: 0.05, floorPerSecond: 2, window: .seconds(30))
        #expect(try JSON.read(JSON.write(settings)) == settings)
        #expect(try JSON.read("{}") == RetryBudget.Configuration())
        #expect(throws: DecodingError.self) { try JSON.read(#"{"share": 11}"#, as: RetryBudget.Configuration.self) }
        #expect(throws: DecodingError.self) { try JSON.read(#"{"rate": 1}"#, as: RetryBudget.Configuration.self) }
    }

    /// Every call and every second attempt is kept for ever.
    @Test func agreesWithTheModel() {
        var refused = 0
        for seed in 0..<300 {
            var random = SeededRandom(seed: UInt64(seed))
            let settings = RetryBudget.Configuration(
                share: Double(Int.random(in: 0...40, using: &random)) / 64,
                floorPerSecond: Double(Int.random(in: 0...3, using: &random)),
                window: .seconds(Int.random(in: 1...20, using: &random)))
            var budget = RetryBudget(configuration: settings)
            let step = settings.window.nanoseconds / 10
            var calls: [Int64] = []
            var retries: [Int64] = []
            var now = MonotonicTime.zero
            for _ in 0..<400 {
                now = now + .milliseconds(Int.random(in: 0...200, using: &random))
                if Bool.random(using: &random) {
                    budget.recordCall(at: now)
                    calls.append(now.nanoseconds / step)
                    continue
                }
                let bucket = now.nanoseconds / step
                let recent = Double(calls.count { bucket - $0 < 10 })
                let allowed = (settings.share * recent + settings.floorPerSecond * settings.window.seconds)
                let expected = Double(retries.count { bucket - $0 < 10 }) + 1 <= allowed
                let given = budget.withdraw(at: now)
                #expect(given == expected, "seed \(seed)")
                if expected { retries.append(bucket) } else { refused += 1 }
            }
        }
        #expect(refused > 1_000)
    }
}

/// How settings are written in a file.
enum JSON {
    static func write(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    static func read<Value: Decodable>(_ text: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
