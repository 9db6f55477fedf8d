/// The calls of a `SingleFlight` that are under way, and who waits for each.
///
/// - `Call`: the handle with which the running work is cancelled.
struct SingleFlightState<Key: Hashable, Waiter, Call> {
    struct FlightID: Hashable, Sendable {
        let number: UInt64
    }

    enum Boarding {
        case joined(Ticket)
        /// The caller is the first: it starts the work, and then says `started`.
        case first(Ticket, FlightID)
    }

    private struct Flight {
        let key: Key
        var line = WaitLine<(ticket: Ticket, waiter: Waiter)>()
        var call: Call?
    }

    private var flights: [FlightID: Flight] = [:]
    /// Which flight a new caller joins.
    private var open: [Key: FlightID] = [:]
    /// Of those who wait.
    private var flightOf: [Ticket: FlightID] = [:]
    private var lastNumber: UInt64 = 0

    /// How many calls are under way.
    var count: Int { flights.count }

    /// How many callers wait.
    var waiting: Int { flightOf.count }

    mutating func join(_ key: Key, _ waiter: Waiter) -> Boarding {
        lastNumber += 1
        let ticket = Ticket(number: lastNumber)
        if let id = open[key] {
            flights[id]?.line.join((ticket, waiter), as: ticket)
            flightOf[ticket] = id
            return .joined(ticket)
        }
        let id = FlightID(number: lastNumber)
        var flight = Flight(key: key)
        flight.line.join((ticket, waiter), as: ticket)
        flights[id] = flight
        open[key] = id
        flightOf[ticket] = id
        return .first(ticket, id)
    }

    /// False when everybody has left before the work started: it is to be cancelled.
    mutating func started(_ id: FlightID, _ call: Call) -> Bool {
        guard flights[id] != nil else { return false }
        flights[id]?.call = call
        return true
    }

    /// Those who share the result, in order.
    mutating func landed(_ id: FlightID) -> [Waiter] {
        guard var flight = remove(id) else { return [] }
        return flight.line.popAll().map { ticket, waiter in
            flightOf[ticket] = nil
            return waiter
        }
    }

    /// Returns the work to cancel when nobody waits for it any more; whoever comes next starts anew.
    mutating func cancel(_ ticket: Ticket) -> (leaver: Waiter?, abandoned: Call?) {
        guard let id = flightOf.removeValue(forKey: ticket), let leaver = flights[id]?.line.leave(ticket)?.waiter else {
            return (nil, nil)
        }
        guard flights[id]?.line.isEmpty == true else { return (leaver, nil) }
        return (leaver, remove(id)?.call)
    }

    /// Those who come from now on start a call of their own; those who wait get theirs.
    mutating func forget(_ key: Key) {
        open[key] = nil
    }

    private mutating func remove(_ id: FlightID) -> Flight? {
        guard let flight = flights.removeValue(forKey: id) else { return nil }
        if open[flight.key] == id { open[flight.key] = nil }
        return flight
    }
}
