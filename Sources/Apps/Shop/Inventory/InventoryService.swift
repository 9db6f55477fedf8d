import ApusRPC
import ApusSQL

/// The stock: what there is, and what is set aside or sold for which order.
struct InventoryService: Sendable {
    static let name = "inventory"
    static var migrations: [SQLMigration] { InventoryStore.migrations }

    /// The most different products in one reservation, and of identifiers in one look-up.
    static let maxLines = 100
    /// The most pieces of one product in one reservation.
    static let maxQuantity: Int64 = 1000
    /// Reservations that one sweep ends in one transaction.
    static let sweepBatch = 100

    let store: InventoryStore
    let clock: WallClock
    let tunables: Tunables

    init(database: any SQLDatabase, tunables: Tunables = .defaults, clock: WallClock = .system) {
        store = InventoryStore(database: database)
        self.tunables = tunables
        self.clock = clock
    }

    func products() async throws -> [Product] {
        try await store.products()
    }

    /// Those of `ids` that exist.
    ///
    /// - Throws: `Problem` 422 for more than `maxLines`.
    func products(ids: [String]) async throws -> [Product] {
        guard ids.count <= Self.maxLines else {
            throw FieldErrors.fail("ids", "must hold at most \(Self.maxLines) identifiers")
        }
        let ids = Set(ids.filter(Identifiers.isProductID)).sorted()
        return ids.isEmpty ? [] : try await store.products(ids: ids)
    }

    /// - Throws: `Problem` 404.
    func product(_ id: String) async throws -> Product {
        guard let product = try await products(ids: [id]).first else {
            throw Problem.notFound("There is no product with this identifier.")
        }
        return product
    }

    /// - Throws: `Problem`: 422 naming the field, 409 `out-of-stock`, `unknown-product`, `reservation-released`,
    ///   `reservation-differs` or `stale-fencing-token`.
    func reserve(_ request: InventoryAPI.ReserveRequest, token: FencingToken) async throws -> Reservation {
        var errors = FieldErrors()
        errors.check(Identifiers.isRecordID(request.orderID), "order_id", "must be an identifier")
        errors.check(
            (1...Self.maxLines).contains(request.lines.count), "lines", "must have 1 to \(Self.maxLines) lines")
        var seen: Set<String> = []
        for (index, line) in request.lines.prefix(Self.maxLines).enumerated() {
            errors.check(
                (1...Self.maxQuantity).contains(line.quantity), "lines[\(index)].quantity",
                "must be 1 to \(Self.maxQuantity)")
            errors.check(
                Identifiers.isProductID(line.productID) && seen.insert(line.productID).inserted,
                "lines[\(index)].product_id", "must name a product, each once")
        }
        try errors.throwIfAny()
        let now = clock.milliseconds
        let lease = tunables[InventoryTunable.reservationSeconds] * 1000
        return try Self.reservation(
            of: request.orderID, token: token,
            try await store.reserve(
                request.lines, for: request.orderID, token: token.value, expiresAt: now + lease, now: now))
    }

    /// - Throws: `Problem`: 404 `no-reservation`, 409 as for `reserve`.
    func commit(orderID: String, token: FencingToken) async throws -> Reservation {
        try Self.check(orderID)
        return try Self.reservation(
            of: orderID, token: token,
            try await store.commit(orderID: orderID, token: token.value, now: clock.milliseconds))
    }

    /// - Throws: `Problem` 409 `stale-fencing-token`.
    func release(orderID: String, token: FencingToken) async throws -> Reservation {
        try Self.check(orderID)
        return try Self.reservation(
            of: orderID, token: token,
            try await store.release(orderID: orderID, token: token.value, now: clock.milliseconds))
    }

    /// Ends the reservations whose lease has ended.
    ///
    /// - Returns: how many.
    @discardableResult
    func sweep() async throws -> Int {
        var total = 0
        while true {
            let count = try await store.expireReservations(now: clock.milliseconds, limit: Self.sweepBatch)
            total += count
            if count < Self.sweepBatch { return total }
        }
    }

    private static func check(_ orderID: String) throws {
        guard Identifiers.isRecordID(orderID) else { throw FieldErrors.fail("order_id", "must be an identifier") }
    }

    private static func reservation(
        of orderID: String, token: FencingToken, _ outcome: ReservationOutcome
    ) throws -> Reservation {
        switch outcome {
        case .done(let reservation): return reservation
        case .outOfStock(let shortage): throw outOfStock(shortage)
        case .unknownProduct(let id):
            throw Problem(
                "unknown-product", status: 409, title: "Unknown Product", detail: "There is no product “\(id)”.",
                extensions: ["product_id": .string(id)])
        case .noReservation:
            throw Problem(
                "no-reservation", status: 404, title: "No Reservation",
                detail: "Nothing has been reserved for this order.", extensions: ["order_id": .string(orderID)])
        case .released:
            throw Problem(
                "reservation-released", status: 409, title: "Reservation Released",
                detail: "The order was undone; nothing can be reserved or sold for it any more.",
                extensions: ["order_id": .string(orderID)])
        case .differs:
            throw Problem(
                "reservation-differs", status: 409, title: "Reservation Differs",
                detail: "The order has a reservation with other lines.", extensions: ["order_id": .string(orderID)])
        case .superseded(let highest): throw Problem.staleFencingToken(given: token.value, highest: highest)
        }
    }

    private static func outOfStock(_ shortage: ReservationOutcome.Shortage) -> Problem {
        Problem(
            "out-of-stock", status: 409, title: "Out of Stock",
            detail: "Of “\(shortage.productID)” \(shortage.requested) are wanted and \(shortage.available) are left.",
            extensions: [
                "product_id": .string(shortage.productID), "requested": .integer(shortage.requested),
                "available": .integer(shortage.available),
            ])
    }
}
