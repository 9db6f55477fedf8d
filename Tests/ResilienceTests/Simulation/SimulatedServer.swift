import ApusPrimitives
import ApusResilience

/// A queue, some workers, and a limit before them.
struct SimulatedServer {
    /// What a worker does.
    struct Job {
        let attempt: Int
        let place: ConcurrencyLimit.Permit?
    }

    var limit: ConcurrencyLimit?
    var random: SeededRandom
    var fault: Scenario.Fault.Kind?
    /// Attempts that wait are those from `head` on.
    private var queue: [Int] = []
    private var head = 0
    var busyWorkers = 0
    /// Worker time that was spent, on whatever it was.
    var work = Duration.zero
    private(set) var longestQueue = 0

    init(limit: ConcurrencyLimit?, random: SeededRandom) {
        self.limit = limit
        self.random = random
    }

    var waiting: Int { queue.count - head }

    mutating func enqueue(_ attempt: Int) {
        queue.append(attempt)
        longestQueue = max(longestQueue, waiting)
    }

    mutating func dequeue() -> Int? {
        guard head < queue.count else { return nil }
        let attempt = queue[head]
        head += 1
        if head == queue.count || head > 4_096 {
            queue.removeFirst(head)
            head = 0
        }
        return attempt
    }
}
