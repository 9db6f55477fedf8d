import Allocations
import ApusResilience

/// `resilience-benchmark ROW OPERATIONS` measures a policy around a call that does nothing, and prints the allocations a call.
/// Then it prints a line for each slice of the operations: nanoseconds a call, and those of a yardstick, a fixed piece of
/// work, just before or after, whichever was longer. `Benchmarks/resilience.py` runs it, alternating with Go.
@main
struct ResilienceBenchmark {
    private static let slice = 2_500

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let row = Row(rawValue: arguments[1]), let operations = Int(arguments[2]) else {
            print("usage: resilience-benchmark ROW OPERATIONS")
            print("rows: \(Row.allCases.map(\.rawValue).joined(separator: " "))")
            return
        }
        let policy = row.policy
        // Off the main actor; a warm-up of a slice, and what it allocates once does not count. Time and allocations are
        // measured one after the other.
        let figures = try await Task.detached {
            try await row.call(policy, slice)
            let before = allocations_so_far()
            try await row.call(policy, slice)
            let allocations = allocations_so_far() - before
            count_allocations(false)
            var slices: [(took: Duration, yardstick: Duration)] = []
            var previous = yardstick()
            for _ in 0..<max(operations / slice, 1) {
                let start = ContinuousClock.now
                try await row.call(policy, slice)
                let took = ContinuousClock.now - start
                let next = yardstick()
                slices.append((took, max(previous, next)))
                previous = next
            }
            return (slices: slices, allocations: allocations)
        }.value
        print(Double(figures.allocations) / Double(slice))
        for (took, yardstick) in figures.slices {
            print(took / .nanoseconds(1) / Double(slice), yardstick / .nanoseconds(1))
        }
    }

    /// Work that keeps all of a core's units busy for some 50 µs, so that it takes longer when another thread of the core is at
    /// work, as a neighbour's on the same host.
    @inline(never)
    private static func yardstick() -> Duration {
        let start = ContinuousClock.now
        // Six chains, none of which waits for another's result.
        var (a, b, c, d, e, f) = (
            seed, seed ^ 0x9E37_79B9, seed ^ 0x85EB_CA6B, seed ^ 0xC2B2_AE35, ~seed, seed << 32 | 1
        )
        for turn in 0..<UInt64(12_000) {
            a = (a ^ (a >> 29)) &+ (a << 7)
            b = (b ^ (b << 13)) &+ (b >> 7)
            c = (c &+ (c >> 3)) ^ (c << 17)
            d = d &* 0x5851_F42D_4C95_7F2D &+ turn
            e = (e ^ (e >> 11)) &+ (e << 5)
            f = (f &+ (f << 2)) ^ (f >> 31)
        }
        let took = ContinuousClock.now - start
        // So that the work is not optimised away, here or into a constant.
        seed = a ^ b ^ c ^ d ^ e ^ f
        return took
    }

    nonisolated(unsafe) private static var seed: UInt64 = 0x9E37_79B9_7F4A_7C15
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
