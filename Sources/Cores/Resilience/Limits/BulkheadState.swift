import ApusPrimitives

/// The places of a `Bulkhead`, and who waits for one.
struct BulkheadState<Waiter: Sendable>: Sendable {
    enum Entrance: Hashable, Sendable {
        /// Inside. Left by `release`.
        case inside
        /// In line, under this number. Left by coming inside, which `release`, `leave` or `reconfigure` tells of, or by
        /// `leave`.
        case waiting(UInt64)
        /// Neither: the line is full.
        case refused
    }

    private(set) var configuration: Bulkhead.Configuration
    private(set) var running = 0
    /// Numbers only grow along the line, so that the next is found without an order of its own.
    private var line: [UInt64: Waiter] = [:]
    private var next: UInt64 = 1
    private var last: UInt64 = 0
    private var lastReleased: MonotonicTime?
    /// How long it takes on average until a call ends while all places are taken; nil as long as nobody knows.
    private(set) var pace: Duration?

    init(_ configuration: Bulkhead.Configuration) {
        self.configuration = configuration
    }

    var waiting: Int { line.count }

    /// Nobody overtakes those who wait.
    mutating func tryEnter() -> Bool {
        guard running < configuration.maxConcurrent, line.isEmpty else { return false }
        running += 1
        return true
    }

    mutating func enter(_ waiter: Waiter) -> Entrance {
        if tryEnter() { return .inside }
        guard line.count < configuration.maxWaiting else { return .refused }
        last += 1
        line[last] = waiter
        return .waiting(last)
    }

    /// Somebody gives up waiting; nothing happens when that comes too late.
    mutating func leave(_ number: UInt64) {
        line[number] = nil
    }

    /// Takes every free place at once, to lend it out; none while somebody waits.
    mutating func lend() -> Int {
        guard line.isEmpty, running < configuration.maxConcurrent else { return 0 }
        defer { running = configuration.maxConcurrent }
        return configuration.maxConcurrent - running
    }

    /// Places that were lent, and that are not lent out again.
    mutating func takeBack(_ count: Int) {
        running -= count
    }

    /// How many more places are taken than there are.
    var excess: Int { max(running - configuration.maxConcurrent, 0) }

    /// A call has ended.
    ///
    /// - Parameter now: asked only when all places were taken.
    /// - Returns: whoever has its place now.
    mutating func release(at now: @autoclosure () -> MonotonicTime) -> Waiter? {
        assert(running > 0, "a bulkhead was left more often than entered")
        measure(now())
        return passOn()
    }

    /// Whoever was to have a place is gone: as `release`, but says nothing about how long calls take.
    mutating func passOn() -> Waiter? {
        running = max(running - 1, 0)
        return admitNext()
    }

    /// - Returns: whoever has come inside, if somebody waits and there is a place; ask again until there is nobody.
    mutating func admitNext() -> Waiter? {
        guard running < configuration.maxConcurrent, !line.isEmpty else { return nil }
        while next <= last {
            let waiter = line.removeValue(forKey: next)
            next += 1
            if let waiter {
                running += 1
                return waiter
            }
        }
        return nil
    }

    /// Whoever is inside stays, and whoever waits goes on waiting. Then ask `admitNext`.
    mutating func reconfigure(_ configuration: Bulkhead.Configuration) {
        self.configuration = configuration
        forgetPace()
    }

    /// The time since the last call ended says nothing about how long calls take.
    mutating func forgetPace() {
        lastReleased = nil
    }

    private mutating func measure(_ now: @autoclosure () -> MonotonicTime) {
        guard running >= configuration.maxConcurrent else {
            return forgetPace()
        }
        let moment = now()
        if let lastReleased {
            let sample = max(moment - lastReleased, .zero)
            pace = pace.map { $0 + (sample - $0) / 8 } ?? sample
        }
        lastReleased = moment
    }
}
