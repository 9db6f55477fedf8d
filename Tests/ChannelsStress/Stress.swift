import ApusChannels
import ApusPrimitives

/// Channels and what stands beside them under many tasks at once and random cancellation, for the thread sanitizer.
///
///     channels-stress SECONDS [SEED]     all scenarios side by side, with one seed after the other
///     channels-stress plant-a-race       a race that the sanitizer must find: proof that it looks
///
/// What is handed from task to task is deliberately unguarded, so a primitive that does not order what it promises to
/// order is a race that the sanitizer sees. Ends with 1 when an invariant is broken.
///
/// A continuation that is resumed before its task has suspended is ordered by the runtime, but the sanitizer does not see
/// it (Swift 6.3 on Linux, with nothing but a continuation too). So who was woken looks at the primitive once, which takes
/// its lock, before it touches what it was handed (`afterLooking`).
@main
struct Stress {
    static let scenarios: [(name: String, run: @Sendable (SeededRandom) async throws -> Void)] = [
        ("channel", stressChannel), ("select", stressSelect), ("wait group", stressWaitGroup),
        ("semaphore", stressSemaphore), ("read-write lock", stressReadWriteLock), ("once", stressOnce),
        ("single flight", stressSingleFlight), ("broadcast", stressBroadcast), ("ticker", stressTicker),
        ("gather", stressGather), ("signal", stressSignal),
    ]

    /// Where the tasks of this round run; nil for the default executor.
    @TaskLocal static var executor: ChannelExecutor?

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "plant-a-race" { return await plantRace() }
        let end = ContinuousClock.now + .seconds(arguments.first.flatMap(Int.init) ?? 10)
        let first = arguments.dropFirst().first.flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
        print("first seed \(first)")
        var rounds: UInt64 = 0
        while ContinuousClock.now < end {
            try await round(seed: first + rounds)
            rounds += 1
        }
        print("\(rounds) rounds of \(scenarios.count) scenarios, side by side")
    }

    /// On the default executor, on the shared one of Channels, or on one that ends with the round.
    private static func round(seed: UInt64) async throws {
        if seed.isMultiple(of: 3) { return try await sideBySide(seed: seed) }
        let isShared = seed % 3 == 1
        let executor = isShared ? ChannelExecutor.shared : ChannelExecutor(threads: 1 + Int(seed / 3 % 4))
        try await $executor.withValue(executor) {
            try await withTaskExecutorPreference(executor) { try await sideBySide(seed: seed) }
        }
        if !isShared { await executor.shutdown() }
    }

    private static func sideBySide(seed: UInt64) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for (name, run) in scenarios {
                group.addTask {
                    do { try await run(SeededRandom(seed: seed)) } catch {
                        throw Broken(description: "\(name), seed \(seed): \(error)")
                    }
                }
            }
        }
    }

    private static func plantRace() async {
        let count = Unguarded(0)
        await withDiscardingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<10_000 {
                        count.value += 1
                        await Task.yield()
                    }
                }
            }
        }
        print("the planted race was not stopped; it counted to \(count.value)")
    }
}

struct Broken: Error, CustomStringConvertible {
    let description: String
}

func check(_ holds: Bool, _ what: @autoclosure () -> String) throws(Broken) {
    if !holds { throw Broken(description: what()) }
}

/// State that only the primitive under test guards.
// Safe: it is not; the sanitizer watches that it is touched in order.
final class Unguarded<Value>: @unchecked Sendable {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}

/// Takes the lock of a primitive, by asking it for its state.
func afterLooking(at state: Int) {}

extension SeededRandom {
    mutating func isOne(in count: UInt64) -> Bool {
        next() >> 32 % count == 0
    }
}

/// An unstructured task on the executor of this round.
@discardableResult
func start<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
) -> Task<Value, any Error> {
    Task(executorPreference: Stress.executor, operation: body)
}

/// Starts a task for each element and cancels some of them at some time; returns what each one came to.
func runAndCancel<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], cancelling share: UInt64 = 3, _ random: inout SeededRandom,
    _ body: @escaping @Sendable (Input) async throws -> Output
) async -> [Result<Output, any Error>] {
    let tasks = inputs.map { input in start { try await body(input) } }
    for task in tasks where random.isOne(in: share) {
        for _ in 0..<Int.random(in: 0...3, using: &random) { await Task.yield() }
        task.cancel()
    }
    var results: [Result<Output, any Error>] = []
    for task in tasks { results.append(await task.result) }
    return results
}
