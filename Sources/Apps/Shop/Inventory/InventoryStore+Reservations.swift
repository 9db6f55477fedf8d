import ApusSQL

/// How a step on a reservation ended. Whatever is not `done` has changed nothing.
enum ReservationOutcome: Hashable, Sendable {
    case done(Reservation)
    case outOfStock(Shortage)
    case unknownProduct(String)
    /// Nothing was ever reserved for this order.
    case noReservation
    /// The order was undone: nothing may be reserved for it any more.
    case released
    /// The order has a reservation of other products or quantities.
    case differs
    /// A coordinator with this higher fencing token has taken the order over.
    case superseded(by: Int64)

    struct Shortage: Hashable, Sendable {
        let productID: String
        let requested: Int64
        let available: Int64
    }
}

extension InventoryStore {
    /// Sets all of `lines` aside, or none. Doing it again renews the lease.
    ///
    /// - Parameters:
    ///   - lines: each product once, each quantity at least one.
    ///   - token: the fencing token of the caller.
    ///   - expiresAt: when the lease ends, in milliseconds since 1970.
    func reserve(
        _ lines: [Reservation.Line], for orderID: String, token: Int64, expiresAt: Int64, now: Int64
    ) async throws -> ReservationOutcome {
        let lines = lines.sorted { $0.productID < $1.productID }
        return try await database.transaction { connection in
            let book = ReservationBook(connection: connection, now: now)
            let found = try book.find(orderID)
            if let found {
                if found.token > token { return .superseded(by: found.token) }
                guard found.state != .released else { return .released }
                guard found.lines == lines else { return .differs }
            }
            let state = found?.state
            if state == nil || state == .expired {
                if let obstacle = try book.obstacle(to: lines) { return obstacle }
                try book.move(lines, from: .available, to: .reserved)
            }
            let held = state != .committed
            let reservation = Reservation(
                orderID: orderID, state: held ? .held : .committed, lines: lines, expiresAt: held ? expiresAt : nil)
            try book.save(reservation, token: token, isNew: found == nil)
            return .done(reservation)
        }
    }

    /// Sells what is set aside. When the lease has ended meanwhile, takes the stock again if it is still there.
    func commit(orderID: String, token: Int64, now: Int64) async throws -> ReservationOutcome {
        try await database.transaction { connection in
            let book = ReservationBook(connection: connection, now: now)
            guard let found = try book.find(orderID) else { return .noReservation }
            if found.token > token { return .superseded(by: found.token) }
            switch found.state {
            case .held:
                try book.move(found.lines, from: .reserved, to: .sold)
            case .expired:
                if let obstacle = try book.obstacle(to: found.lines) { return obstacle }
                try book.move(found.lines, from: .available, to: .sold)
            case .committed: break
            case .released: return .released
            }
            let reservation = Reservation(orderID: orderID, state: .committed, lines: found.lines, expiresAt: nil)
            try book.save(reservation, token: token, isNew: false)
            return .done(reservation)
        }
    }

    /// Puts everything back, whatever has happened so far, and refuses what may still arrive for this order.
    func release(orderID: String, token: Int64, now: Int64) async throws -> ReservationOutcome {
        try await database.transaction { connection in
            let book = ReservationBook(connection: connection, now: now)
            let found = try book.find(orderID)
            if let found {
                if found.token > token { return .superseded(by: found.token) }
                switch found.state {
                case .held: try book.move(found.lines, from: .reserved, to: .available)
                case .committed: try book.move(found.lines, from: .sold, to: .available)
                case .expired, .released: break
                }
            }
            let reservation = Reservation(
                orderID: orderID, state: .released, lines: found?.lines ?? [], expiresAt: nil)
            try book.save(reservation, token: token, isNew: found == nil)
            return .done(reservation)
        }
    }

    /// Ends at most `limit` leases whose time has come.
    ///
    /// - Returns: how many were ended; fewer than `limit` means that none is left.
    func expireReservations(now: Int64, limit: Int) async throws -> Int {
        try await database.transaction { connection in
            let book = ReservationBook(connection: connection, now: now)
            let due = try connection.query(
                """
                SELECT order_id, fencing_token FROM reservations
                WHERE state = 'held' AND expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)
                """)
            for row in due {
                let orderID: String = try row.decode("order_id")
                let lines = try book.lines(of: orderID)
                try book.move(lines, from: .reserved, to: .available)
                try book.save(
                    Reservation(orderID: orderID, state: .expired, lines: lines, expiresAt: nil),
                    token: try row.decode("fencing_token"), isNew: false)
            }
            return due.count
        }
    }

    func reservation(orderID: String) async throws -> Reservation? {
        try await database.read { connection in
            try ReservationBook(connection: connection, now: 0).find(orderID).map {
                Reservation(orderID: orderID, state: $0.state, lines: $0.lines, expiresAt: $0.expiresAt)
            }
        }
    }
}
