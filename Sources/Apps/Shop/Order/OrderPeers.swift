/// What the order service asks of the others. The shop calls them over HTTP (`OrderPeers+HTTP`); tests put in services
/// that die, answer late or answer twice.
struct OrderPeers: Sendable {
    /// One call of a saga's step: what makes it safe to repeat, and to refuse when it comes too late.
    struct Call: Sendable, Equatable {
        let idempotencyKey: String
        let fencingToken: Int64
    }

    /// The cart as it is now.
    var cart: @Sendable (_ user: String) async throws -> CartSnapshot
    /// Exchanges a card number for a token that only the payment service understands.
    var tokenize: @Sendable (CardNumber) async throws -> String

    var checkOut: @Sendable (OrderSagaState, Call) async throws -> Void
    var restoreCart: @Sendable (OrderSagaState, Call) async throws -> Void
    var reserve: @Sendable (OrderSagaState, Call) async throws -> Void
    var release: @Sendable (OrderSagaState, Call) async throws -> Void
    var charge: @Sendable (OrderSagaState, Call) async throws -> Void
    var refund: @Sendable (OrderSagaState, Call) async throws -> Void
    var commit: @Sendable (OrderSagaState, Call) async throws -> Void
}

/// A cart with the prices of this moment.
struct CartSnapshot: Codable, Sendable, Equatable {
    let lines: [OrderLine]
    let total: Int64
    /// Changes with every change of the cart, so that an order takes exactly what its owner saw.
    let version: Int64

    /// The lines add up to the total. Prices come from another service, and are money: they are checked here again.
    var isSound: Bool {
        var sum: Int64 = 0
        for line in lines {
            let (next, overflow) = sum.addingReportingOverflow(line.total)
            guard line.isSound, !overflow else { return false }
            sum = next
        }
        return sum == total
    }
}
