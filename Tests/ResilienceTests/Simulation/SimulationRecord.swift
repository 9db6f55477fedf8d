import ApusPrimitives
import ApusResilience

/// What is known after a simulation.
struct SimulationRecord {
    struct Second {
        /// Calls that ended well, and badly, in this second.
        var succeeded = 0
        var failed = 0
        /// Attempts that reached a server.
        var sent = 0

        var successRate: Double {
            succeeded + failed == 0 ? 1 : Double(succeeded) / Double(succeeded + failed)
        }
    }

    private(set) var seconds: [Second]
    /// Of the calls that succeeded, in the order of their ends.
    private(set) var latencies: [Duration] = []
    private(set) var calls = 0
    private(set) var attempts = 0
    /// Calls that ended well, and badly, by the raw value of their priority.
    private(set) var succeeded = [0, 0, 0, 0]
    private(set) var failed = [0, 0, 0, 0]
    /// When a breaker refused the last time, since the beginning; zero when none did.
    var lastRefusal = Duration.zero
    var longestQueue = 0
    var work = Duration.zero
    /// Of all events, their moments and what came of them: equal when two runs were.
    private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    init(length: Duration) {
        seconds = [Second](repeating: Second(), count: Int(length.seconds.rounded(.up)) + 1)
    }

    mutating func note(_ numbers: Int64...) {
        // FNV-1a, over words.
        for number in numbers { digest = (digest ^ UInt64(bitPattern: number)) &* 0x100_0000_01b3 }
    }

    mutating func began() { calls += 1 }

    mutating func sent(at now: MonotonicTime) {
        attempts += 1
        seconds[second(of: now)].sent += 1
    }

    mutating func ended(_ success: Bool, _ priority: RequestPriority, from start: MonotonicTime, at now: MonotonicTime)
    {
        if success {
            seconds[second(of: now)].succeeded += 1
            succeeded[Int(priority.rawValue)] += 1
            latencies.append(now - start)
        } else {
            seconds[second(of: now)].failed += 1
            failed[Int(priority.rawValue)] += 1
        }
    }

    private func second(of now: MonotonicTime) -> Int {
        min(Int(now.nanoseconds / 1_000_000_000), seconds.count - 1)
    }

    /// Answers a second from one second to another.
    func goodput(from start: Duration, to end: Duration) -> Double {
        let range = Int(start.seconds)..<Int(end.seconds)
        return Double(seconds[range].reduce(0) { $0 + $1.succeeded }) / Double(range.count)
    }

    func sent(from start: Duration, to end: Duration) -> Int {
        seconds[Int(start.seconds)..<Int(end.seconds)].reduce(0) { $0 + $1.sent }
    }

    func successRate(from start: Duration, to end: Duration) -> Double {
        let range = seconds[Int(start.seconds)..<Int(end.seconds)]
        let good = range.reduce(0) { $0 + $1.succeeded }
        let all = range.reduce(good) { $0 + $1.failed }
        return all == 0 ? 1 : Double(good) / Double(all)
    }

    /// The first second from which on each second at least this share succeeds, in seconds after `moment`; nil when that
    /// never comes.
    func cleared(after moment: Duration, rate: Double = 0.99) -> Int? {
        let first = Int(moment.seconds)
        // The last entry is what ended after the end.
        let bad = seconds.dropLast().lastIndex { $0.successRate < rate } ?? -1
        guard bad < seconds.count - 3 else { return nil }
        return max(bad + 1 - first, 0)
    }

    func latency(at rank: Double) -> Duration {
        let sorted = latencies.sorted()
        guard !sorted.isEmpty else { return .zero }
        return sorted[min(Int(rank * Double(sorted.count)), sorted.count - 1)]
    }
}
