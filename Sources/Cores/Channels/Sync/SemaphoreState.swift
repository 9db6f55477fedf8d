/// The permits of a `Semaphore`, and who waits for how many.
struct SemaphoreState<Waiter> {
    let permits: Int
    private(set) var available: Int
    private var line = WaitLine<(weight: Int, waiter: Waiter)>()

    init(permits: Int) {
        self.permits = permits
        available = permits
    }

    var waiting: Int { line.count }

    /// Nobody overtakes those who wait, however little is asked for: a large request is not starved by small ones.
    mutating func tryAcquire(_ weight: Int) -> Bool {
        guard line.isEmpty, weight <= available else { return false }
        available -= weight
        return true
    }

    /// nil when the permits are granted at once. `weight` is at most `permits`.
    mutating func acquire(_ weight: Int, _ waiter: Waiter) -> Ticket? {
        tryAcquire(weight) ? nil : line.join((weight, waiter))
    }

    /// Those who have their permits now, in order; nil when more would be given back than were taken: nothing has changed.
    mutating func release(_ weight: Int) -> [Waiter]? {
        guard weight <= permits - available else { return nil }
        available += weight
        return serve()
    }

    /// Somebody with a small request may have stood behind somebody with a large one.
    mutating func cancel(_ ticket: Ticket) -> (leaver: Waiter?, granted: [Waiter]) {
        guard let leaver = line.leave(ticket) else { return (nil, []) }
        return (leaver.waiter, serve())
    }

    private mutating func serve() -> [Waiter] {
        var granted: [Waiter] = []
        while let next = line.first, next.weight <= available {
            available -= next.weight
            granted.append(next.waiter)
            _ = line.popFirst()
        }
        return granted
    }
}
