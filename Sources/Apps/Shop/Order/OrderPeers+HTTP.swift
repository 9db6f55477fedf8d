import ApusRPC

extension OrderPeers {
    /// The services of the shop, over HTTP.
    init(calling client: PeerClient) {
        self.init(
            cart: { user in try await client.get("cart", "/internal/carts/\(user)", as: CartSnapshot.self) },
            tokenize: { card in
                let request = PaymentAPI.CardRequest(cardNumber: card.digits)
                // A token too many is forgotten like any other, so another instance may be asked when one does not answer.
                let answer = try await client.post(
                    "payment", "/internal/cards", body: request, idempotencyKey: Secrets.newToken(),
                    as: PaymentAPI.CardResponse.self)
                return answer.cardToken
            },
            checkOut: { state, call in
                let request = CartAPI.CheckoutRequest(orderID: state.orderID, version: state.cartVersion)
                try await client.step("cart", "/internal/carts/\(state.userID)/checkout", request, call)
            },
            restoreCart: { state, call in
                let request = CartAPI.RestoreRequest(orderID: state.orderID)
                try await client.step("cart", "/internal/carts/\(state.userID)/restore", request, call)
            },
            reserve: { state, call in
                let lines = state.lines.map { Reservation.Line(productID: $0.productID, quantity: $0.quantity) }
                let request = InventoryAPI.ReserveRequest(orderID: state.orderID, lines: lines)
                try await client.step("inventory", "/internal/reservations", request, call)
            },
            release: { state, call in
                try await client.step(
                    "inventory", "/internal/reservations/\(state.orderID)/release", NoBody(), call)
            },
            charge: { state, call in
                let request = PaymentAPI.ChargeRequest(
                    orderID: state.orderID, amount: Money(state.total), currency: state.currency,
                    cardToken: state.cardToken)
                try await client.step("payment", "/internal/charges", request, call)
            },
            refund: { state, call in
                try await client.step("payment", "/internal/charges/\(state.orderID)/refund", NoBody(), call)
            },
            commit: { state, call in
                try await client.step(
                    "inventory", "/internal/reservations/\(state.orderID)/commit", NoBody(), call)
            })
    }
}

/// `{}`
private struct NoBody: Encodable {}

extension PeerClient {
    /// One call of a saga's step.
    ///
    /// - Throws: `OrderRefusal` for a no, `OrderClaimLost`, or whatever leaves open what has happened.
    fileprivate func step(
        _ service: String, _ path: String, _ body: some Encodable & Sendable, _ call: OrderPeers.Call
    ) async throws {
        do {
            _ = try await post(
                service, path, body: body, idempotencyKey: call.idempotencyKey,
                headers: [FencingToken.headerName: String(call.fencingToken)], as: JSONValue.self)
        } catch let problem as Problem {
            throw problem.asStepError
        }
    }
}

extension Problem {
    /// What an answer means for the step of a saga.
    var asStepError: any Error {
        if slug == "stale-fencing-token" { return OrderClaimLost() }
        // Of the client's errors, these say that the request came at a bad moment, not that it is refused.
        let passing: Set = [401, 403, 408, 421, 425, 429]
        guard (400..<500).contains(status), !passing.contains(status) else { return self }
        return OrderRefusal(reason: String((detail ?? title).prefix(200)))
    }
}
