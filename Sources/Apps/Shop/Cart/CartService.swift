import ApusRPC
import ApusResilience
import ApusSQL

/// Carts: what each user means to buy, shown with the inventory's names and prices of the moment.
struct CartService: Sendable {
    static let name = "cart"
    static var migrations: [SQLMigration] { CartStore.migrations }

    let store: CartStore
    let clock: WallClock
    /// Over the questions to the inventory whose answer is only shown.
    let display: ResiliencePolicy
    private let known = KnownProducts()
    private let lookUp: @Sendable ([String]) async throws -> [Product]

    /// - Parameter lookUp: asks the inventory for those of up to `Cart.maxLines` products that exist.
    init(
        database: any SQLDatabase, clock: WallClock = .system,
        display: ResiliencePolicy = ResiliencePolicy(ShopPolicies.cartPrices, ShopPolicies.display),
        lookUp: @escaping @Sendable ([String]) async throws -> [Product]
    ) {
        store = CartStore(database: database)
        self.clock = clock
        self.display = display
        self.lookUp = lookUp
    }

    /// The cart to look at: while the inventory is away, with the names and prices that it told of last.
    ///
    /// - Throws: `Problem`: the inventory's, when it is away and something in the cart was never heard of.
    func cart(of userID: String) async throws -> CartAPI.CartResponse {
        try await shown(try await store.cart(of: userID))
    }

    /// The cart to order by: at the prices of this moment or not at all.
    func cartToOrder(of userID: String) async throws -> CartAPI.CartResponse {
        let cart = try await store.cart(of: userID)
        return try priced(cart, by: cart.lines.isEmpty ? [] : try await products(cart.lines.map(\.productID)))
    }

    /// - Throws: `Problem`: 422 naming the field, `unknown-product` or `cart-full` among them; the inventory's.
    func add(_ request: CartAPI.AddRequest, to userID: String) async throws -> CartAPI.CartResponse {
        var errors = FieldErrors()
        errors.check(Identifiers.isProductID(request.productID), "product_id", "must name a product")
        errors.check(
            (1...Cart.maxQuantity).contains(request.quantity), "quantity", "must be 1 to \(Cart.maxQuantity)")
        try errors.throwIfAny()
        guard
            try await shownProducts([request.productID]).value.products.contains(where: { $0.id == request.productID })
        else { throw Self.unknownProduct(request.productID) }
        switch try await store.add(request.quantity, of: request.productID, to: userID) {
        case .changed(let cart): return try await shown(cart)
        case .tooMany(let quantity):
            throw FieldErrors.fail(
                "quantity",
                "would make \(quantity) pieces of this product in the cart, and it holds at most \(Cart.maxQuantity)")
        case .full:
            throw Problem(
                "cart-full", status: 422, title: "Cart Full",
                detail: "A cart holds at most \(Cart.maxLines) different products.",
                extensions: ["field": "product_id", "limit": .integer(Int64(Cart.maxLines))])
        }
    }

    /// - Throws: `Problem` 404 when the cart has no such line.
    func remove(_ productID: String, from userID: String) async throws {
        guard Identifiers.isProductID(productID), try await store.remove(productID, from: userID) else {
            throw Problem.notFound("The cart has no such product.")
        }
    }

    /// - Throws: `Problem`: 422 naming the field or `cart-empty`, 409 `cart-changed`, `cart-restored` or
    ///   `order-of-another-user`.
    func checkout(_ request: CartAPI.CheckoutRequest, userID: String) async throws -> CartAPI.CheckoutResponse {
        var errors = FieldErrors()
        errors.check(Identifiers.isRecordID(request.orderID), "order_id", "must be an identifier")
        errors.check(request.version >= 0, "version", "must not be negative")
        try errors.throwIfAny()
        let outcome = try await store.checkout(
            orderID: request.orderID, userID: userID, version: request.version, now: clock.milliseconds)
        switch outcome {
        case .taken(let lines): return CartAPI.CheckoutResponse(orderID: request.orderID, lines: lines)
        case .changed(let version):
            throw Problem(
                "cart-changed", status: 409, title: "Cart Changed",
                detail: "The cart has changed: its version is \(version), not \(request.version).",
                extensions: ["version": .integer(version)])
        case .empty: throw Problem("cart-empty", status: 422, title: "Cart Empty", detail: "The cart is empty.")
        case .restored:
            throw Problem(
                "cart-restored", status: 409, title: "Cart Restored",
                detail: "The order was undone; it cannot take the cart any more.")
        case .foreign: throw Self.foreignOrder
        }
    }

    /// - Throws: `Problem`: 422 naming the field, 409 `order-of-another-user`.
    func restore(_ request: CartAPI.RestoreRequest, userID: String) async throws -> CartAPI.RestoreResponse {
        guard Identifiers.isRecordID(request.orderID) else {
            throw FieldErrors.fail("order_id", "must be an identifier")
        }
        let outcome = try await store.restore(orderID: request.orderID, userID: userID, now: clock.milliseconds)
        switch outcome {
        case .done(let cart): return CartAPI.RestoreResponse(orderID: request.orderID, version: cart.version)
        case .foreign: throw Self.foreignOrder
        }
    }

    private func products(_ ids: [String]) async throws -> [Product] {
        let found = try await lookUp(ids)
        known.remember(found, at: clock.milliseconds)
        return found
    }

    /// The same, or else what the inventory told of last.
    private func shownProducts(_ ids: [String]) async throws -> Degradable<KnownProducts.Found> {
        do {
            return try await display.run(
                .safe, answers: Self.isAway,
                fallback: { error in
                    guard let found = known.find(ids) else { throw error }
                    return found
                }
            ) { _ in
                KnownProducts.Found(products: try await products(ids), asOf: clock.milliseconds)
            }
        } catch let error as ResilienceError where error.code == .fallbackFailed {
            throw error.cause ?? error
        }
    }

    private func shown(_ cart: Cart) async throws -> CartAPI.CartResponse {
        guard !cart.lines.isEmpty else { return try priced(cart, by: []) }
        let found = try await shownProducts(cart.lines.map(\.productID))
        var response = try priced(cart, by: found.value.products)
        if found.isDegraded {
            response.degraded = true
            response.pricedAt = WallClock.text(milliseconds: found.value.asOf)
        }
        return response
    }

    /// What the inventory refuses is its answer; only where there is none, old ones will do.
    private static func isAway(_ error: any Error) -> Bool {
        if let problem = error as? Problem { return problem.status >= 500 || problem.status == 429 }
        return Fallback.answers(error)
    }

    /// Products that are not sold any more drop out of what is shown; the version stays.
    private func priced(_ cart: Cart, by found: [Product]) throws -> CartAPI.CartResponse {
        let products = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let lines = try cart.lines.compactMap { line -> CartAPI.Line? in
            guard let product = products[line.productID] else { return nil }
            return CartAPI.Line(
                productID: product.id, name: product.name, unitPrice: product.price, quantity: line.quantity,
                total: try product.price.multiplied(by: line.quantity))
        }
        return CartAPI.CartResponse(
            lines: lines, total: try Money.sum(of: lines.map(\.total)), currency: Money.currency, version: cart.version)
    }

    private static func unknownProduct(_ id: String) -> Problem {
        Problem(
            "unknown-product", status: 422, title: "Unknown Product", detail: "There is no product “\(id)”.",
            extensions: ["field": "product_id", "product_id": .string(id)])
    }

    private static var foreignOrder: Problem {
        Problem(
            "order-of-another-user", status: 409, title: "Order of Another User",
            detail: "Another user's cart was taken for an order with this identifier.")
    }
}
