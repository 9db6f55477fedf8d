/// What a task that asks a `Once` is to do.
enum OnceTurn<Value: Sendable>: Sendable {
    /// Compute the value, and then `settle` or `abandon`.
    case compute
    case settled(Result<Value, any Error>)
}

/// Who computes the value of a `Once`, and who waits for it.
struct OnceState<Value: Sendable, Waiter> {
    private enum Phase {
        /// To `running` with the first caller.
        case idle
        /// To `settled` when the computation ends, to `idle` when its caller gave it up and nobody else waits.
        case running
        /// For good.
        case settled(Result<Value, any Error>)
    }

    private var phase = Phase.idle
    private var line = WaitLine<Waiter>()

    var result: Result<Value, any Error>? {
        if case .settled(let result) = phase { result } else { nil }
    }

    var waiting: Int { line.count }

    /// nil while somebody computes: then `wait`.
    mutating func enter() -> OnceTurn<Value>? {
        switch phase {
        case .idle:
            phase = .running
            return .compute
        case .running: return nil
        case .settled(let result): return .settled(result)
        }
    }

    mutating func wait(_ waiter: Waiter) -> Ticket {
        line.join(waiter)
    }

    /// Those to tell, in order. Only the first result counts.
    mutating func settle(_ result: Result<Value, any Error>) -> [Waiter] {
        if case .settled = phase { return [] }
        phase = .settled(result)
        return line.popAll()
    }

    /// Who computes now; nil when nobody waits.
    mutating func abandon() -> Waiter? {
        guard case .running = phase else { return nil }
        let next = line.popFirst()
        if next == nil { phase = .idle }
        return next
    }

    mutating func cancel(_ ticket: Ticket) -> Waiter? {
        line.leave(ticket)
    }
}
