/// What a `WaitGroup` counts, and who waits for zero.
struct WaitGroupState<Waiter> {
    enum Change {
        /// Those to resume, in order; empty unless the count came to zero.
        case counted([Waiter])
        /// More was done than was added. Nothing has changed.
        case belowZero
    }

    private(set) var count = 0
    private var line = WaitLine<Waiter>()

    mutating func add(_ change: Int) -> Change {
        let (sum, overflow) = count.addingReportingOverflow(change)
        guard !overflow, sum >= 0 else { return .belowZero }
        count = sum
        return .counted(sum == 0 ? line.popAll() : [])
    }

    /// nil when there is nothing to wait for.
    mutating func wait(_ waiter: Waiter) -> Ticket? {
        count == 0 ? nil : line.join(waiter)
    }

    mutating func cancel(_ ticket: Ticket) -> Waiter? {
        line.leave(ticket)
    }
}
