extension Books {
    /// Every place where the books are wrong; none when all of them agree.
    func discrepancies() -> [Discrepancy] {
        let orders = Dictionary(self.orders.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return damages + checkOrders() + checkKeys() + checkSagas(orders) + checkStock() + checkReservations(orders)
            + checkMoney(orders) + checkCharges(orders) + checkCheckouts(orders)
    }

    private func checkOrders() -> [Discrepancy] {
        var found: [Discrepancy] = []
        var seen: Set<String> = []
        for order in orders {
            let subject = "order \(order.id)"
            if !seen.insert(order.id).inserted { found.append(.init(subject: subject, text: "there are two of it")) }
            if order.status == "pending" { found.append(.init(subject: subject, text: "has no end")) }
            if order.quantities.isEmpty { found.append(.init(subject: subject, text: "has no lines")) }
            if order.lineTotal != order.total {
                found.append(
                    .init(subject: subject, text: "its total is \(order.total), its lines add up to \(order.lineTotal)")
                )
            }
            if !users.contains(order.userID) {
                found.append(.init(subject: subject, text: "belongs to user \(order.userID), who is not there"))
            }
        }
        return found
    }

    private func checkKeys() -> [Discrepancy] {
        struct Key: Hashable {
            let user: String
            let key: String
        }
        var first: [Key: String] = [:]
        var found: [Discrepancy] = []
        for order in orders {
            guard let text = order.idempotencyKey else { continue }
            let key = Key(user: order.userID, key: text)
            guard let earlier = first[key] else {
                first[key] = order.id
                continue
            }
            found.append(
                .init(subject: "order \(order.id)", text: "has the Idempotency-Key '\(text)' of order \(earlier)"))
        }
        return found
    }

    private func checkSagas(_ orders: [String: Order]) -> [Discrepancy] {
        var found: [Discrepancy] = []
        var known: Set<String> = []
        for saga in sagas {
            known.insert(saga.id)
            let subject = "saga \(saga.id)"
            guard let order = orders[saga.id] else {
                found.append(.init(subject: subject, text: "has no order"))
                continue
            }
            switch (saga.phase, order.status) {
            case ("succeeded", "confirmed"), ("compensated", "cancelled"): break
            case ("succeeded", _), ("compensated", _):
                found.append(.init(subject: subject, text: "has \(saga.phase), and its order is \(order.status)"))
            default: found.append(.init(subject: subject, text: "is unfinished (\(saga.phase))"))
            }
        }
        // The sagas of orders that ended long ago have been tidied away.
        for order in self.orders where order.status == "pending" && !known.contains(order.id) {
            found.append(.init(subject: "order \(order.id)", text: "has no saga that could end it"))
        }
        return found
    }

    private func checkStock() -> [Discrepancy] {
        var reserved: Quantities = [:]
        var committed: Quantities = [:]
        for reservation in reservations {
            switch reservation.state {
            case "held": reserved.add(reservation.quantities)
            case "committed": committed.add(reservation.quantities)
            default: break
            }
        }
        let ordered = soldByOrders
        var found: [Discrepancy] = []
        for product in products {
            func expect(_ left: Int64, _ leftName: String, _ right: Int64, _ rightName: String) {
                guard left != right else { return }
                found.append(
                    .init(subject: "product \(product.id)", text: "\(leftName) is \(left), \(rightName) is \(right)"))
            }
            let sum = product.available.adding(product.reserved).adding(product.sold)
            expect(product.initial, "initial stock", sum, "available + reserved + sold")
            expect(product.reserved, "reserved", reserved[product.id] ?? 0, "what the reservations hold")
            expect(product.sold, "sold", committed[product.id] ?? 0, "what the reservations have sold")
            expect(product.sold, "sold", ordered[product.id] ?? 0, "what confirmed orders bought")
        }
        let known = Set(products.map(\.id))
        for id in ordered.keys.sorted() where !known.contains(id) {
            found.append(.init(subject: "product \(id)", text: "was sold, and the inventory does not know it"))
        }
        return found
    }

    private func checkReservations(_ orders: [String: Order]) -> [Discrepancy] {
        var found: [Discrepancy] = []
        var committed: Set<String> = []
        for reservation in reservations {
            let subject = "reservation \(reservation.orderID)"
            guard let order = orders[reservation.orderID] else {
                found.append(.init(subject: subject, text: "has no owner: there is no such order"))
                continue
            }
            switch (reservation.state, order.status) {
            case ("held", "pending"): break
            case ("held", _):
                found.append(.init(subject: subject, text: "holds stock for an order that is \(order.status)"))
            case ("committed", "confirmed"):
                committed.insert(order.id)
                if reservation.quantities != order.quantities {
                    found.append(.init(subject: subject, text: "sold something else than the order's lines"))
                }
            case ("committed", "pending"): break
            case ("committed", _):
                found.append(.init(subject: subject, text: "has sold stock, and its order is \(order.status)"))
            default: break
            }
        }
        for order in self.orders where order.status == "confirmed" && !committed.contains(order.id) {
            found.append(.init(subject: "order \(order.id)", text: "is confirmed, and no stock was sold for it"))
        }
        return found
    }
}

extension Books {
    /// The pieces that confirmed orders have bought, by product.
    var soldByOrders: Quantities {
        var sold: Quantities = [:]
        for order in orders where order.status == "confirmed" { sold.add(order.quantities) }
        return sold
    }
}

extension Books.Quantities {
    mutating func add(_ other: Books.Quantities) {
        for (product, quantity) in other { self[product, default: 0].add(quantity) }
    }
}
