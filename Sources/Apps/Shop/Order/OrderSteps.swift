/// The steps of an order's saga and what undoes each, apart from who runs them.
///
/// Every call may be repeated, and each undo also works on what never happened and refuses it from then on. So a step
/// that was refused is undone as well: another copy of the call may still be on its way, and finds the door shut. The
/// refusal is written down before that. Otherwise an undo without an answer could be followed by another try, and
/// arrive after it.
struct OrderSteps: Sendable {
    let peers: OrderPeers
    let store: OrderStore
    let clock: WallClock

    /// Takes the cart, if it is still the one that the order shows.
    func create(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await refusable(state) {
            try await peers.checkOut(state, call)
        } undo: {
            // The first step has none before it whose undoing could end the order.
            try await uncreate(state, call.undo)
        }
    }

    /// Gives the cart back and ends the order: the last of the compensations.
    func uncreate(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await peers.restoreCart(state, call)
        try await store.cancel(state.orderID, reason: Self.unknownReason, at: clock.milliseconds)
    }

    func reserve(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await refusable(state) {
            try await peers.reserve(state, call)
        } undo: {
            try await peers.release(state, call.undo)
        }
    }

    func unreserve(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await peers.release(state, call)
    }

    func charge(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await refusable(state) {
            try await peers.charge(state, call)
        } undo: {
            try await peers.refund(state, call.undo)
        }
    }

    func uncharge(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await peers.refund(state, call)
    }

    /// The point of no return: the goods are sold, and then the order says so.
    ///
    /// Only the inventory's word that the goods are gone turns the order back (`unreserve` shuts the door); without any
    /// word nobody knows whether they were sold, so the question is repeated until there is one.
    func confirm(_ state: OrderSagaState, _ call: OrderPeers.Call) async throws {
        try await refusable(state) {
            try await peers.commit(state, call)
        } undo: {
        }
        try await store.confirm(state.orderID, at: clock.milliseconds)
    }

    private func refusable(
        _ state: OrderSagaState, _ body: () async throws -> Void, undo: () async throws -> Void
    ) async throws {
        var refusal = try await store.refusal(of: state.orderID)
        if refusal == nil {
            do {
                return try await body()
            } catch let new as OrderRefusal {
                try await store.note(new, for: state.orderID)
                refusal = new
            }
        }
        try await undo()
        if let refusal { throw refusal }
    }

    static let unknownReason = "a service that the order needs did not answer in time"
}

extension OrderPeers.Call {
    /// The call that undoes this one from within its own step.
    fileprivate var undo: OrderPeers.Call {
        OrderPeers.Call(idempotencyKey: idempotencyKey + "/undo", fencingToken: fencingToken)
    }
}

/// A service said no, for good: the card is declined, the stock is gone, the cart has changed.
struct OrderRefusal: Error, Equatable {
    /// For the customer.
    let reason: String
}

/// Another coordinator has taken this saga over; whatever this one still wants to do is void.
struct OrderClaimLost: Error, Equatable {}
