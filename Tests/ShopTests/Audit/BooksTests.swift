import Testing

@testable import shop

/// One confirmed and one cancelled order, with all that belongs to them; each test spoils one thing.
struct BooksTests {
    private func books() -> Books {
        Books(
            products: [.init(id: "mug", initial: 10, available: 8, reserved: 0, sold: 2)],
            reservations: [
                .init(orderID: "A", state: "committed", quantities: ["mug": 2]),
                .init(orderID: "B", state: "released", quantities: ["mug": 1]),
            ],
            charges: [.init(orderID: "A", state: "approved"), .init(orderID: "B", state: "refunded")],
            ledger: [
                .init(orderID: "A", amount: 300, currency: "EUR"), .init(orderID: "B", amount: 150, currency: "EUR"),
                .init(orderID: "B", amount: -150, currency: "EUR"),
            ],
            checkouts: [
                .init(orderID: "A", userID: "ada", state: "taken", quantities: ["mug": 2]),
                .init(orderID: "B", userID: "ada", state: "restored", quantities: ["mug": 1]),
            ],
            orders: [order("A", "confirmed", pieces: 2), order("B", "cancelled", pieces: 1)],
            sagas: [.init(id: "A", phase: "succeeded"), .init(id: "B", phase: "compensated")], users: ["ada"])
    }

    private func order(
        _ id: String, _ status: String, pieces: Int64, user: String = "ada", key: String? = nil, lineTotal: Int64? = nil
    ) -> Books.Order {
        Books.Order(
            id: id, userID: user, status: status, total: pieces * 150, currency: "EUR",
            idempotencyKey: key ?? "key-\(id)",
            lineTotal: lineTotal ?? pieces * 150, quantities: ["mug": pieces])
    }

    private func findings(_ spoil: (inout Books) -> Void) -> [String] {
        var books = books()
        spoil(&books)
        return books.discrepancies().map(\.description)
    }

    @Test func rightBooksHaveNoFindings() {
        #expect(findings { _ in } == [])
    }

    @Test func stockThatIsNowhere() {
        let found = findings { $0.products[0] = .init(id: "mug", initial: 11, available: 8, reserved: 0, sold: 2) }
        #expect(found == ["product mug: initial stock is 11, available + reserved + sold is 10"])
    }

    @Test func stockSoldToNobody() {
        let found = findings { $0.products[0] = .init(id: "mug", initial: 10, available: 7, reserved: 0, sold: 3) }
        #expect(found.contains("product mug: sold is 3, what confirmed orders bought is 2"))
    }

    @Test func aProductSoldThatDoesNotExist() {
        #expect(findings { $0.products = [] } == ["product mug: was sold, and the inventory does not know it"])
    }

    @Test func aReservationWithoutAnOwner() {
        let found = findings {
            $0.reservations.append(.init(orderID: "X", state: "held", quantities: ["mug": 1]))
            $0.products[0] = .init(id: "mug", initial: 10, available: 7, reserved: 1, sold: 2)
        }
        #expect(found == ["reservation X: has no owner: there is no such order"])
    }

    @Test func aReservationHeldForAnOrderThatEnded() {
        let found = findings {
            $0.reservations[1] = .init(orderID: "B", state: "held", quantities: ["mug": 1])
            $0.products[0] = .init(id: "mug", initial: 10, available: 7, reserved: 1, sold: 2)
        }
        #expect(found == ["reservation B: holds stock for an order that is cancelled"])
    }

    @Test func aConfirmedOrderWithoutGoods() {
        let found = findings { $0.reservations.removeFirst() }
        #expect(found.contains("order A: is confirmed, and no stock was sold for it"))
    }

    @Test func anOrderWithoutAnEnd() {
        let found = findings {
            $0.orders[1] = order("B", "pending", pieces: 1)
            $0.sagas[1] = .init(id: "B", phase: "running")
        }
        #expect(found == ["order B: has no end", "saga B: is unfinished (running)"])
    }

    @Test func aSagaThatEndedOtherwiseThanItsOrder() {
        let found = findings { $0.sagas[1] = .init(id: "B", phase: "succeeded") }
        #expect(found == ["saga B: has succeeded, and its order is cancelled"])
    }

    @Test func anOrderThatNothingWillEnd() {
        let found = findings {
            $0.orders[1] = order("B", "pending", pieces: 1)
            $0.sagas.removeLast()
        }
        #expect(found == ["order B: has no end", "order B: has no saga that could end it"])
    }

    @Test func theSagaOfAnOldOrderMayBeGone() {
        #expect(findings { $0.sagas = [] } == [])
    }

    @Test func moneyKeptForACancelledOrder() {
        let found = findings { $0.ledger.removeLast() }
        #expect(
            found == [
                "order B: is cancelled: 0 EUR is due, 150 was kept",
                "money: 450 was kept, and the confirmed orders come to 300",
            ])
    }

    @Test func errorsThatCancelOutInTheSumAreStillFound() {
        let found = findings {
            $0.ledger[0] = .init(orderID: "A", amount: 150, currency: "EUR")
            $0.ledger.removeLast()
        }
        #expect(
            found == [
                "order A: is confirmed: 300 EUR is due, 150 was kept",
                "order B: is cancelled: 0 EUR is due, 150 was kept",
            ])
    }

    @Test func moneyOfNobody() {
        let found = findings { $0.ledger.append(.init(orderID: "X", amount: 5, currency: "EUR")) }
        #expect(found.first == "charge X: moved 5 for an order that is not there")
    }

    @Test func aChargeThatStillWaitsForTheBank() {
        let found = findings { $0.charges[1] = .init(orderID: "B", state: "pending") }
        #expect(found == ["charge B: waits for the bank, and its order is cancelled"])
    }

    @Test func oneKeyWithTwoOrders() {
        let found = findings { $0.orders[1] = order("B", "cancelled", pieces: 1, key: "key-A") }
        #expect(found == ["order B: has the Idempotency-Key 'key-A' of order A"])
    }

    @Test func theSameKeyOfTwoUsersIsTwoKeys() {
        let found = findings {
            $0.orders[1] = order("B", "cancelled", pieces: 1, user: "bob", key: "key-A")
            $0.checkouts[1] = .init(orderID: "B", userID: "bob", state: "restored", quantities: ["mug": 1])
            $0.users.insert("bob")
        }
        #expect(found == [])
    }

    @Test func aCartThatWasNotGivenBack() {
        let found = findings {
            $0.checkouts[1] = .init(orderID: "B", userID: "ada", state: "taken", quantities: ["mug": 1])
        }
        #expect(found == ["checkout B: kept the cart of an order that was cancelled"])
    }

    @Test func anOrderOfOtherThingsThanItsCart() {
        let found = findings {
            $0.checkouts[0] = .init(orderID: "A", userID: "ada", state: "taken", quantities: ["mug": 3])
        }
        #expect(found == ["checkout A: took other lines than those of the order"])
    }

    @Test func linesThatDoNotAddUp() {
        let found = findings { $0.orders[0] = order("A", "confirmed", pieces: 2, lineTotal: 299) }
        #expect(found == ["order A: its total is 300, its lines add up to 299"])
    }

    @Test func anOrderOfNobody() {
        #expect(findings { $0.users = [] }.contains("order A: belongs to user ada, who is not there"))
    }

    @Test func theReportShowsStockAndMoney() {
        let lines = books().report.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.contains("mug 10 8 0 2 2"))
        #expect(lines.contains("taken 4.50 EUR"))
        #expect(lines.contains("kept 3.00 EUR"))
        #expect(lines.contains("confirmed orders 3.00 EUR"))
    }
}
