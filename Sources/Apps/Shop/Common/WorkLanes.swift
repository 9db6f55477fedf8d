import ApusChannels
import ApusPrimitives
import Dispatch

/// A few threads for work that keeps a processor busy for long, apart from those that serve requests.
///
/// Each lane does one piece of work at a time, in order of arrival, and has a bounded line in front of it: a flood of
/// expensive requests is refused early and never takes more than `lanes` processors.
final class WorkLanes: Sendable {
    /// All lanes are busy and their lines are full.
    struct Overloaded: Error {}

    private let queues: [DispatchQueue]
    private let maxWaiting: Int
    private let waiting: Locked<[Int]>

    /// - Parameters:
    ///   - count: how many pieces of work run at once.
    ///   - maxWaiting: how many may be in one lane, the running one included.
    init(_ label: String, count: Int, maxWaiting: Int) {
        precondition(count > 0 && maxWaiting > 0)
        queues = (0..<count).map { DispatchQueue(label: "\(label)-\($0)") }
        self.maxWaiting = maxWaiting
        waiting = Locked([Int](repeating: 0, count: count))
    }

    /// How much work is in all lanes, running or waiting.
    var count: Int { waiting.withLock { $0.reduce(0, +) } }

    /// Runs `body` on a lane. Work whose caller was cancelled before its turn is skipped.
    ///
    /// - Throws: `Overloaded`, `CancellationError`, or what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Waiter.wait { waiter in
            guard let lane = enter() else { return waiter.answer(.failure(Overloaded())) }
            queues[lane].async {
                let result = waiter.begin() ? Result { try body() } : nil
                self.leave(lane)
                if let result { waiter.answer(result) }
            }
        }
    }

    /// nil when all lines are full.
    private func enter() -> Int? {
        waiting.withLock { counts in
            guard let shortest = counts.indices.min(by: { counts[$0] < counts[$1] }), counts[shortest] < maxWaiting
            else { return nil }
            counts[shortest] += 1
            return shortest
        }
    }

    private func leave(_ lane: Int) {
        waiting.withLock { $0[lane] -= 1 }
    }
}
