/// The outcomes of the last `capacity` calls, one bit each, in a ring.
struct OutcomeWindow: Sendable {
    let capacity: Int
    private(set) var calls = 0
    private(set) var failures = 0
    private var words: [UInt64]
    private var position = 0

    init(capacity: Int) {
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: (capacity + 63) / 64)
    }

    var failureRate: Double { calls == 0 ? 0 : Double(failures) / Double(calls) }

    mutating func append(failed: Bool) {
        let word = position >> 6
        let bit: UInt64 = 1 << UInt64(position & 63)
        if calls == capacity {
            if words[word] & bit != 0 { failures -= 1 }
        } else {
            calls += 1
        }
        if failed {
            words[word] |= bit
            failures += 1
        } else {
            words[word] &= ~bit
        }
        position = position + 1 == capacity ? 0 : position + 1
    }

    mutating func removeAll() {
        calls = 0
        failures = 0
        position = 0
    }
}
