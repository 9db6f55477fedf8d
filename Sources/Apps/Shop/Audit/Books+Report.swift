extension Books {
    /// The books as a table for a person, without the findings.
    var report: String {
        let bought = soldByOrders
        var rows = [["", "initial", "available", "reserved", "sold", "bought by orders"]]
        for product in products {
            let numbers = [product.initial, product.available, product.reserved, product.sold, bought[product.id] ?? 0]
            rows.append(["  " + product.id] + numbers.map(String.init))
        }
        let stock = "Stock\n" + Self.table(rows)
        func count(_ status: String) -> Int { orders.count { $0.status == status } }
        let money = Self.table([
            ["  taken", Self.amount(moneyTaken)], ["  given back", Self.amount(moneyGivenBack)],
            ["  kept", Self.amount(moneyKept)], ["  confirmed orders", Self.amount(moneyOfConfirmedOrders)],
        ])
        let counts = Self.table([
            ["  confirmed", "\(count("confirmed"))"], ["  cancelled", "\(count("cancelled"))"],
            ["  pending", "\(count("pending"))"], ["  all", "\(orders.count)"],
        ])
        return stock + "\nMoney\n" + money + "\nOrders\n" + counts
    }

    private static func amount(_ minorUnits: Int64) -> String {
        DashboardView.Order.money(minorUnits, Money.currency)
    }

    /// Columns as wide as their widest cell; the first to the left, the others to the right.
    private static func table(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + padding : padding + cell
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
