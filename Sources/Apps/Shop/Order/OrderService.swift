import ApusRPC
import ApusSQL
import ApusTransactions

/// What can be done with orders, apart from HTTP.
struct OrderService: Sendable {
    let store: OrderStore
    let peers: OrderPeers
    let coordinator: SagaCoordinator
    let saga: Saga<OrderSagaState>
    let fingerprint: CardFingerprint
    let clock: WallClock
    let settings: @Sendable () -> OrderSettings

    struct Placement: Sendable {
        let order: Order
        /// False when the key had this order already.
        let isNew: Bool
    }

    /// Accepts an order for what is in the user's cart now. Its saga runs on after this returns.
    ///
    /// - Parameter key: makes a repetition of the same request return the same order.
    /// - Throws: `Problem`: 422 for an empty cart, a card that is none or a key used with another card; 503.
    func place(user: String, card: CardNumber, key: IdempotencyKey?) async throws -> Placement {
        let attempt = key.map { OrderStore.Attempt(key: $0, fingerprint: fingerprint(card)) }
        if let placed = try await find(attempt, of: user) { return placed }
        try await checkCapacity()
        let cart = try await Self.needing("cart") { try await peers.cart(user) }
        guard !cart.lines.isEmpty else {
            // The first of two equal requests may have taken the cart since this one looked for its order.
            if let placed = try await find(attempt, of: user) { return placed }
            throw Problem(
                "empty-cart", status: 422, title: "Empty Cart", detail: "There is nothing in the cart to order.")
        }
        guard cart.isSound else { throw Problem.badGateway("The prices of the cart do not add up.") }
        let token = try await Self.needing("payment") { try await peers.tokenize(card) }
        return try await accept(cart, token, attempt, of: user)
    }

    private func accept(
        _ cart: CartSnapshot, _ cardToken: String, _ attempt: OrderStore.Attempt?, of user: String
    ) async throws -> Placement {
        let order = Order(
            id: Identifiers.next(at: clock), userID: user, status: .pending, reason: nil, total: cart.total,
            currency: Money.currency, lines: cart.lines, createdAt: clock.milliseconds)
        let state = OrderSagaState(
            orderID: order.id, userID: user, cartVersion: cart.version,
            lines: cart.lines.map { .init(productID: $0.productID, quantity: $0.quantity) }, total: order.total,
            currency: order.currency, cardToken: cardToken)
        let (coordinator, saga) = (coordinator, saga)
        let insertion = try await store.database.transaction { connection in
            let insertion = try OrderStore.insert(order, attempt: attempt, in: connection)
            if case .inserted = insertion {
                try coordinator.enqueue(saga, id: order.id, state: state, in: connection)
            }
            return insertion
        }
        switch insertion {
        case .inserted:
            coordinator.wake(order.id)
            return Placement(order: order, isNew: true)
        case .exists(let found, let fingerprint):
            return try Self.repeated(found, fingerprint, attempt)
        }
    }

    private func find(_ attempt: OrderStore.Attempt?, of user: String) async throws -> Placement? {
        guard let attempt, let found = try await store.order(of: user, key: attempt.key) else { return nil }
        return try Self.repeated(found.order, found.fingerprint, attempt)
    }

    private static func repeated(
        _ order: Order, _ fingerprint: [UInt8], _ attempt: OrderStore.Attempt?
    ) throws -> Placement {
        guard let attempt, Secrets.equal(fingerprint, attempt.fingerprint) else {
            throw Problem(
                "idempotency-key-reuse", status: 422, title: "Idempotency Key Reuse",
                detail: "This Idempotency-Key has an order that was paid with another card. Use a new key.")
        }
        return Placement(order: order, isNew: false)
    }

    /// Without an answer of `service` there is no order: nothing is written down yet, so nothing is lost or in doubt.
    private static func needing<Value>(_ service: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let problem as Problem where problem.status >= 500 || problem.status == 429 {
            var refusal = Problem(
                "order-not-taken", status: 503, title: "Order Not Taken",
                detail: "The order was not taken and nothing was charged, because a service that it needs is away: "
                    + "\(problem.detail ?? problem.title) Send it again with the same Idempotency-Key.")
            // It may have been another one behind the one that was asked.
            refusal.failedService = problem.failedService ?? service
            refusal.extensions["policy"] = problem.extensions["policy"]
            refusal.headers[ServiceResponse.failedServiceHeader] = problem.headers[ServiceResponse.failedServiceHeader]
            throw refusal.retrying(after: problem.retryAfter ?? .seconds(1))
        }
    }

    private func checkCapacity() async throws {
        let settings = settings()
        guard settings.isAccepting else {
            throw Problem.unavailable(
                "New orders are not taken at the moment.", policy: "order.accepting", retryAfter: .seconds(30))
        }
        guard try await store.pendingCount(upTo: settings.maxPending) < settings.maxPending else {
            throw Problem.unavailable(
                "\(settings.maxPending) orders are being worked on already.", policy: "order.max_pending",
                retryAfter: .seconds(5))
        }
    }
}
