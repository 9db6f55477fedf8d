public import DequeModule

/// Where somebody stands in a `WaitLine`; never used twice in one line.
@usableFromInline
struct Ticket: Hashable, Sendable {
    @usableFromInline
    let number: UInt64

    @inlinable
    init(number: UInt64) {
        self.number = number
    }
}

/// Those who wait, in the order in which they came; any of them may leave.
///
/// Joining and serving are O(1), leaving is O(log n) and amortised O(1) of moved memory: whoever leaves from the middle
/// leaves an empty place, and the line closes up when more than half of it is empty.
@usableFromInline
struct WaitLine<Waiter> {
    @usableFromInline
    var places: Deque<(ticket: Ticket, waiter: Waiter?)> = []
    @usableFromInline
    var lastTicket: UInt64 = 0
    @usableFromInline
    var count = 0

    @inlinable
    var isEmpty: Bool { count == 0 }

    /// Empty places included: at most 8 more than twice `count`.
    @inlinable
    var placeCount: Int { places.count }

    @inlinable
    init() {}

    /// Who is next.
    @inlinable
    var first: Waiter? { places.first?.waiter }

    @inlinable
    mutating func join(_ waiter: Waiter) -> Ticket {
        let ticket = Ticket(number: lastTicket + 1)
        join(waiter, as: ticket)
        return ticket
    }

    /// For several lines that share their tickets: each must be larger than those before.
    @inlinable
    mutating func join(_ waiter: Waiter, as ticket: Ticket) {
        assert(ticket.number > lastTicket)
        lastTicket = ticket.number
        places.append((ticket, waiter))
        count += 1
    }

    @inlinable
    mutating func popFirst() -> Waiter? {
        guard let waiter = places.popFirst()?.waiter else { return nil }
        count -= 1
        dropEmptyFront()
        return waiter
    }

    /// Everybody, in order; the line is empty afterwards.
    @inlinable
    mutating func popAll() -> [Waiter] {
        defer {
            places = []
            count = 0
        }
        return places.compactMap(\.waiter)
    }

    /// nil when the holder of `ticket` was served or left before.
    @inlinable
    mutating func leave(_ ticket: Ticket) -> Waiter? {
        guard let index = index(of: ticket), let waiter = places[index].waiter else { return nil }
        places[index].waiter = nil
        count -= 1
        dropEmptyFront()
        if places.count > 2 * count + 8 { places.removeAll { $0.waiter == nil } }
        return waiter
    }

    /// So that `first` is always somebody.
    @inlinable
    mutating func dropEmptyFront() {
        while let place = places.first, place.waiter == nil { places.removeFirst() }
    }

    /// Tickets only grow along the line.
    @inlinable
    func index(of ticket: Ticket) -> Int? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].ticket.number < ticket.number { low = middle + 1 } else { high = middle }
        }
        return low < places.count && places[low].ticket == ticket ? low : nil
    }
}
