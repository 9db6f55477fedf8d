/// The outcomes of the last `capacity` calls, a byte each, in a ring.
struct CallWindow: Sendable {
    private static let failed: UInt8 = 1
    private static let slow: UInt8 = 2

    let capacity: Int
    private(set) var counts = CircuitBreaker.Counts.zero
    private var outcomes: [UInt8]
    private var position = 0

    init(capacity: Int) {
        self.capacity = capacity
        outcomes = [UInt8](repeating: 0, count: capacity)
    }

    mutating func append(failed: Bool, slow: Bool) {
        if counts.calls == capacity { counts -= Self.counts(outcomes[position]) }
        let outcome = (failed ? Self.failed : 0) | (slow ? Self.slow : 0)
        outcomes[position] = outcome
        counts += Self.counts(outcome)
        position = position + 1 == capacity ? 0 : position + 1
    }

    mutating func removeAll() {
        counts = .zero
        position = 0
    }

    /// The same outcomes, as far as they fit.
    func resized(to capacity: Int) -> CallWindow {
        var other = CallWindow(capacity: capacity)
        let kept = min(counts.calls, capacity)
        for back in stride(from: kept, to: 0, by: -1) {
            let index = position - back
            let outcome = outcomes[index < 0 ? index + self.capacity : index]
            other.append(failed: outcome & Self.failed != 0, slow: outcome & Self.slow != 0)
        }
        return other
    }

    private static func counts(_ outcome: UInt8) -> CircuitBreaker.Counts {
        CircuitBreaker.Counts(calls: 1, failures: Int(outcome & failed), slow: Int(outcome & slow) >> 1)
    }
}
