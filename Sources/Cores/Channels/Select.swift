/// Waits until one of several channel operations can happen, performs exactly that one, and runs its handler, as Go's
/// `select`:
///
///     let line = try await select {
///         receive(from: orders) { order in order.map(\.name) ?? "no more orders" }
///         send(job, to: workers) { "a worker has it" }
///         timeout(.seconds(1)) { "nobody moved" }
///     }
///
/// Of several that are ready one is chosen at random, each with the same chance. With `otherwise` it never waits. The
/// same channel may stand in several cases; cases may stand under an `if`.
///
/// - Returns: what the handler returned.
/// - Throws: what the handler throws; `ChannelClosed` when a chosen send finds its channel closed; the error of
///   `close(throwing:)` when a chosen receive finds it; `CancellationError` when the task is cancelled while it waits: then
///   no case has happened.
@inlinable
public func select<Cases: SelectCases & ~Copyable>(
    @SelectBuilder _ build: () -> Cases
) async throws -> Cases.Output {
    var cases = build()
    cases.lockAll()
    let action = cases.performAny()
    cases.unlockAll()
    if let action {
        action.waiter?.resume(.done)
        return try await cases.runFully(action.index)
    }
    if cases.fallback >= 0 { return try await cases.runFully(cases.fallback) }
    let ticket = SelectTicket()
    let cancelTimer = cases.timeout >= 0 ? cases.startTimer(ticket) : nil
    let won = await selectWaiting(&cases, ticket)
    cancelTimer?()
    switch won {
    case SelectTicket.Mark.cancelled: throw CancellationError()
    case SelectTicket.Mark.expired: return try await cases.runFully(cases.timeout)
    default: return try await cases.runFully(won)
    }
}

/// - Returns: the number of the case that happened, or a mark of the ticket.
@inlinable
func selectWaiting<Cases: SelectCases & ~Copyable>(_ cases: inout Cases, _ ticket: SelectTicket) async -> Int {
    var performed: Int?
    _ = await suspendCancellably {
        ticket.cancel()
    } _: { continuation in
        performed = parkSelect(&cases, ticket, continuation)
    }
    if let performed { return performed }
    let won = ticket.outcome
    cases.leave(won, ticket)
    return won
}

/// Waits at all channels, unless one has become ready meanwhile.
///
/// - Returns: the number of the case that happened at once, or why none will; nil when it waits.
@inlinable
func parkSelect<Cases: SelectCases & ~Copyable>(
    _ cases: inout Cases, _ ticket: SelectTicket, _ continuation: UnsafeContinuation<ChannelWake, Never>
) -> Int? {
    cases.lockAll()
    if let action = cases.performAny() {
        cases.unlockAll()
        action.waiter?.resume(.done)
        continuation.resume(returning: .done)
        return action.index
    }
    ticket.continuation = continuation
    cases.park(ticket, first: 0)
    let waits = ticket.park()
    cases.unlockAll()
    if !waits { continuation.resume(returning: .done) }
    return nil
}
