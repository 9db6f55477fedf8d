import ApusPrimitives
import ApusResilience

/// A world to simulate: everything that happens in it follows from these values.
struct Scenario {
    enum Load {
        /// So many users come in a second, at random, whatever becomes of those before them.
        case open(perSecond: Double)
        /// So many users, each of whom thinks for this long (on average) between an answer and the next request.
        case closed(users: Int, thinking: Duration)
    }

    /// How long a request occupies a worker.
    struct ServiceTime {
        /// Exponentially distributed.
        var mean: Duration = .milliseconds(40)
        /// A share of the requests takes this much longer: a pause, a cold cache.
        var tailShare = 0.0
        var tail: ClosedRange<Double> = 0...0

        func sample(_ random: inout SeededRandom) -> Duration {
            let usual = random.exponential(mean: mean.seconds)
            guard tailShare > 0, Double.random(in: 0..<1, using: &random) < tailShare else { return .seconds(usual) }
            return .seconds(usual + Double.random(in: tail, using: &random))
        }
    }

    struct Fault {
        enum Kind {
            /// Requests are accepted, and nothing is done for them.
            case outage
            /// Everything takes this many times as long.
            case slow(Double)
            /// Every request fails at once.
            case failing
        }

        var kind: Kind
        var start: Duration
        var length: Duration
        /// How many of the servers it concerns, from the first.
        var servers = Int.max

        var end: Duration { start + length }
    }

    var seed: UInt64
    var length: Duration
    var load: Load
    /// Users who got nothing ask again with this probability, after one to three seconds, at most five times.
    var impatience = 0.0
    var servers = 1
    /// Requests that one server works on at a time; the others wait in the order in which they came.
    var workers = 4
    /// No server has more requests waiting; what comes then is refused.
    var queueBound = 10_000
    var serviceTime = ServiceTime()
    var attemptTimeout = Duration.seconds(1)
    var faults: [Fault] = []
    /// Which of the requests are of which priority; the rest is `.normal`.
    var priorities: [(RequestPriority, share: Double)] = []
    var policies: Policies

    /// Requests that all servers together can answer in a second.
    var capacity: Double { Double(servers * workers) / serviceTime.mean.seconds }
}

/// Which policies are on, each with its settings.
struct Policies {
    var retry = ResiliencePolicy.Configuration.standard.retry ?? RetryPolicy()
    var budget: RetryBudget.Configuration?
    var breaker: CircuitBreaker.Configuration?
    var limit: ConcurrencyLimit.Configuration?
    var hedge: Hedge.Configuration?
    /// Whether a server is told until when somebody waits, so that it leaves out what is late or given up.
    var passesDeadline = false

    /// Timeouts and retries, as everybody has them.
    static let off = Policies()

    /// The defaults.
    static let on = Policies(
        budget: RetryBudget.Configuration(), breaker: CircuitBreaker.Configuration(),
        limit: ConcurrencyLimit.Configuration(), passesDeadline: true)
}

extension SeededRandom {
    /// With the two functions of the standard library that are exact, so that every machine draws the same: von Neumann's
    /// comparison method (1951) for the exponential distribution.
    mutating func exponential(mean: Double) -> Double {
        var whole = 0.0
        while true {
            let first = Double.random(in: 0..<1, using: &self)
            var last = first
            var length = 1
            while true {
                let next = Double.random(in: 0..<1, using: &self)
                guard next < last else { break }
                last = next
                length += 1
            }
            if length % 2 == 1 { return mean * (whole + first) }
            whole += 1
        }
    }
}
