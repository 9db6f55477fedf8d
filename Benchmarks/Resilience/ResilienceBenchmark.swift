import Allocations
import ApusResilience

/// `resilience-benchmark ROW OPERATIONS` measures a policy around a call that does nothing, and prints a line: nanoseconds and
/// allocations a call. `Benchmarks/resilience.py` runs it, alternating with Go.
@main
struct ResilienceBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let row = Row(rawValue: arguments[1]), let operations = Int(arguments[2]) else {
            print("usage: resilience-benchmark ROW OPERATIONS")
            print("rows: \(Row.allCases.map(\.rawValue).joined(separator: " "))")
            return
        }
        let policy = row.policy
        // Off the main actor; a warm-up of a tenth, and what it allocates once does not count. Time and allocations are
        // measured one after the other.
        let some = max(operations / 10, 1)
        let figures = try await Task.detached {
            try await row.call(policy, some)
            let before = allocations_so_far()
            try await row.call(policy, some)
            let allocations = allocations_so_far() - before
            count_allocations(false)
            let start = ContinuousClock.now
            try await row.call(policy, operations)
            return (elapsed: ContinuousClock.now - start, allocations: allocations)
        }.value
        let nanoseconds = figures.elapsed / .nanoseconds(1) / Double(operations)
        print(row.rawValue, nanoseconds, Double(figures.allocations) / Double(some))
    }
}

/// Which parts are on.
enum Row: String, CaseIterable {
    case off, deadline, bulkhead, retry, breaker, standard, everything
    case loadShedding = "load-shedding"
    case adaptiveBreaker = "adaptive-breaker"
    case rateLimit = "rate-limit"
    case attemptTimeout = "attempt-timeout"
    /// The caller runs under a deadline of its own, as behind a server that sets one.
    case nested
    /// The call gives up its thread once, so that it does not end on the spot.
    case waiting
    /// Somebody listens to the events.
    case observed
    /// No policy: an empty task that begins at once, and sets a value. A body that a deadline can cancel needs it.
    case task

    private typealias Parts = ResiliencePolicy.Configuration

    @TaskLocal private static var value = 0

    /// More than anybody can call, so that nothing is refused.
    private static let generous = RateLimiter.Configuration(permits: 1_000_000_000)

    var policy: ResiliencePolicy {
        var parts = Parts.off
        switch self {
        case .off, .task: break
        case .deadline: parts.deadline = Parts.standard.deadline
        case .rateLimit: parts.rateLimit = Self.generous
        case .loadShedding: parts.loadShedding = Parts.standard.loadShedding
        case .bulkhead: parts.bulkhead = Parts.standard.bulkhead
        case .adaptiveBreaker: parts.adaptiveBreaker = AdaptiveBreaker.Configuration()
        case .retry: (parts.retry, parts.retryBudget) = (Parts.standard.retry, Parts.standard.retryBudget)
        case .breaker: parts.breaker = Parts.standard.breaker
        case .attemptTimeout: parts.attemptTimeout = Parts.standard.attemptTimeout
        case .standard, .waiting: parts = .standard
        case .nested:
            parts = .standard
            parts.attemptTimeout = nil
        case .everything:
            parts = .standard
            parts.rateLimit = Self.generous
        case .observed: return ResiliencePolicy("callee", .standard) { _ in }
        }
        return ResiliencePolicy("callee", parts)
    }

    func call(_ policy: ResiliencePolicy, _ operations: Int) async throws {
        switch self {
        case .waiting: for _ in 0..<operations { try await policy.run { _ in await Task.yield() } }
        case .nested:
            // Earlier than the policy's own, and never over.
            for first in stride(from: 0, to: operations, by: 10_000) {
                let deadline = Deadline(after: .seconds(5), from: TimeSource.continuous.now())
                try await deadline.run {
                    for _ in first..<min(operations, first + 10_000) { try await policy.run { _ in } }
                }
            }
        case .task: for _ in 0..<operations { Task.immediate { Self.$value.withValue(1) {} } }
        default: for _ in 0..<operations { try await policy.run { _ in } }
        }
    }
}
