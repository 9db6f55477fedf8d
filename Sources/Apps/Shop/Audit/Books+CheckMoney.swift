extension Books {
    /// Money taken less money given back, of each order, is the order's total if it is confirmed and nothing otherwise.
    func checkMoney(_ orders: [String: Order]) -> [Discrepancy] {
        var kept: [String: Int64] = [:]
        var found: [Discrepancy] = []
        for entry in ledger {
            kept[entry.orderID, default: 0].add(entry.amount)
            guard let order = orders[entry.orderID] else {
                found.append(
                    .init(
                        subject: "charge \(entry.orderID)", text: "moved \(entry.amount) for an order that is not there"
                    ))
                continue
            }
            if order.currency != entry.currency {
                found.append(
                    .init(
                        subject: "order \(order.id)",
                        text: "is in \(order.currency), and \(entry.amount) \(entry.currency) was moved for it"))
            }
        }
        for order in self.orders {
            let money = kept[order.id] ?? 0
            let due = order.status == "confirmed" ? order.total : 0
            // A pending order may have paid already; that it is pending is a finding of its own.
            if order.status == "pending", money == order.total { continue }
            if money != due {
                found.append(
                    .init(
                        subject: "order \(order.id)",
                        text: "is \(order.status): \(due) \(order.currency) is due, \(money) was kept"))
            }
        }
        if moneyKept != moneyOfConfirmedOrders {
            found.append(
                .init(
                    subject: "money",
                    text: "\(moneyKept) was kept, and the confirmed orders come to \(moneyOfConfirmedOrders)"))
        }
        return found
    }

    func checkCharges(_ orders: [String: Order]) -> [Discrepancy] {
        var found: [Discrepancy] = []
        for charge in charges {
            let subject = "charge \(charge.orderID)"
            guard let order = orders[charge.orderID] else {
                found.append(.init(subject: subject, text: "has no order"))
                continue
            }
            let isPaid = charge.state == "approved"
            if order.status != "pending", isPaid != (order.status == "confirmed") {
                found.append(.init(subject: subject, text: "is \(charge.state), and its order is \(order.status)"))
            } else if charge.state == "pending", order.status != "pending" {
                found.append(.init(subject: subject, text: "waits for the bank, and its order is \(order.status)"))
            }
        }
        return found
    }

    /// A cart that was taken belongs to an order that was not cancelled, with the same lines.
    func checkCheckouts(_ orders: [String: Order]) -> [Discrepancy] {
        var found: [Discrepancy] = []
        var taken: Set<String> = []
        for checkout in checkouts {
            let subject = "checkout \(checkout.orderID)"
            guard let order = orders[checkout.orderID] else {
                found.append(.init(subject: subject, text: "took a cart for an order that is not there"))
                continue
            }
            if order.userID != checkout.userID {
                found.append(.init(subject: subject, text: "took the cart of another user than the order's"))
            }
            switch (checkout.state, order.status) {
            case ("taken", "cancelled"):
                found.append(.init(subject: subject, text: "kept the cart of an order that was cancelled"))
            case ("restored", "confirmed"):
                found.append(.init(subject: subject, text: "gave back the cart of an order that is confirmed"))
            case ("taken", _):
                taken.insert(order.id)
                if checkout.quantities != order.quantities {
                    found.append(.init(subject: subject, text: "took other lines than those of the order"))
                }
            default: break
            }
        }
        for order in self.orders where order.status == "confirmed" && !taken.contains(order.id) {
            found.append(.init(subject: "order \(order.id)", text: "is confirmed, and no cart was taken for it"))
        }
        return found
    }

    var moneyTaken: Int64 { ledger.reduce(0) { $0.adding(max(0, $1.amount)) } }
    var moneyGivenBack: Int64 { Int64(0).subtracting(ledger.reduce(0) { $0.adding(min(0, $1.amount)) }) }
    var moneyKept: Int64 { moneyTaken - moneyGivenBack }

    var moneyOfConfirmedOrders: Int64 {
        orders.reduce(0) { $0.adding($1.status == "confirmed" ? $1.total : 0) }
    }
}
