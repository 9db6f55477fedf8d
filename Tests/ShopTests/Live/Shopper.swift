import ApusPrimitives
import ApusResilience
import Foundation

@testable import shop

/// Orders without pause, and repeats with the same key whatever got no answer.
struct Shopper: Sendable {
    let customer: Customer
    let record: Record
    let random: SeededRandom

    /// The last one is scarce: it is fought over.
    private static let products = [
        "nest-box", "field-guide", "sky-notebook", "enamel-mug", "call-player", "star-map", "first-light-print",
    ]

    /// An order that was placed, and how to repeat it.
    private struct Purchase {
        let key: String
        let card: TestCard
    }

    func shop() async throws {
        var random = random
        var customer = customer
        var purchases: [Purchase] = []
        while !record.isFinished {
            try await fillCart(customer, using: &random)
            let purchase = Purchase(key: "\(customer.email)-\(purchases.count + 1)", card: Self.card(using: &random))
            purchases.append(purchase)
            if Int.random(in: 0..<6, using: &random) == 0 {
                let session = customer
                async let twin: Void = place(purchase, session)
                try await place(purchase, customer)
                try await twin
            } else {
                try await place(purchase, customer)
            }
            // Who changes the cart before the order has taken it loses the order, which one in four finds out.
            if Int.random(in: 0..<4, using: &random) > 0 { try await waitForCheckout(of: purchase, customer) }
            try await repeatSomething(purchases, &customer, using: &random)
        }
    }

    /// One or two products; what cancelled orders have put back is thrown out first.
    private func fillCart(_ customer: Customer, using random: inout SeededRandom) async throws {
        let cart = try await untilAnswered { try await customer.get("/cart") }.decode(Customer.Cart.self)
        if cart.lines.count > 2 {
            for line in cart.lines { try await untilAnswered { try await customer.takeOut(line.product) } }
        }
        for _ in 0..<Int.random(in: 1...2, using: &random) {
            let product = Self.products.randomElement(using: &random) ?? Self.products[0]
            let quantity = Int.random(in: 1...3, using: &random)
            try await untilAnswered { try await customer.add(product, quantity: quantity) }
        }
    }

    /// Most are approved; the others decline, take their time, or the bank takes the money without saying so.
    private static func card(using random: inout SeededRandom) -> TestCard {
        switch Int.random(in: 0..<40, using: &random) {
        case ..<26: .approves
        case ..<32: .declines
        case ..<34: .isSlow
        case ..<39: .failsAfterCharging
        default: .alwaysFailsAfterCharging
        }
    }

    private func place(_ purchase: Purchase, _ customer: Customer) async throws {
        let key = purchase.key
        record.attempt(key, of: customer.email)
        let answer = try await untilAnswered {
            try await customer.order(card: purchase.card.rawValue, key: key)
        }
        switch answer.status {
        case 201, 200: record.accept(key, try answer.decode(Customer.Placed.self).id, card: purchase.card)
        case 422 where answer.text.contains("empty-cart"):
            // An earlier order took the cart in between.
            if record.order(of: key) != nil { record.contradict("\(key) has an order, and then none") }
        default: record.contradict("\(key): \(answer.status) \(answer.text)")
        }
    }

    private func waitForCheckout(of purchase: Purchase, _ customer: Customer) async throws {
        guard let id = record.order(of: purchase.key) else { return }
        try await Customer.patience.run(classify: { $0 is StillOpen ? .retry : .stop }) { _ in
            let phase = try await look(id, customer)?.steps?.first?.phase
            if phase == "pending" || phase == "running", !record.isFinished { throw StillOpen() }
        }
    }

    private struct StillOpen: Error {}

    /// Now and then: an old order again, its key with another card, a look at an order, a new session.
    private func repeatSomething(
        _ purchases: [Purchase], _ customer: inout Customer, using random: inout SeededRandom
    ) async throws {
        guard let old = purchases.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<24, using: &random) {
        case 0, 1, 8, 9: try await place(old, customer)
        case 2 where record.order(of: old.key) != nil: try await misuse(old, customer)
        case 3, 4:
            if let id = record.order(of: old.key) { _ = try await look(id, customer) }
        case 5: try await refresh(&customer)
        case 6: try await logOut(&customer)
        default: break
        }
    }

    private func look(_ id: String, _ customer: Customer) async throws -> Customer.Seen? {
        let answer = try await untilAnswered { try await customer.get("/orders/\(id)") }
        guard answer.status == 200 else {
            record.contradict("the order \(id) was accepted, and then: \(answer.status) \(answer.text)")
            return nil
        }
        return try answer.decode(Customer.Seen.self)
    }

    private func misuse(_ purchase: Purchase, _ customer: Customer) async throws {
        let other = purchase.card == .approves ? TestCard.declines : .approves
        let answer = try await untilAnswered { try await customer.order(card: other.rawValue, key: purchase.key) }
        if answer.status != 422 || !answer.text.contains("idempotency-key-reuse") {
            record.contradict("\(purchase.key) with another card: \(answer.status) \(answer.text)")
        }
    }

    /// When the answer is lost the refresh token is used up, and using it again ends the session.
    private func refresh(_ customer: inout Customer) async throws {
        let current = customer
        let answer = try await untilAnswered { try await current.refresh() }
        if answer.status == 200 {
            customer.tokens = try answer.decode()
        } else {
            try await customer.logInAgain()
        }
    }

    private func logOut(_ customer: inout Customer) async throws {
        let old = customer
        let disturbances = record.disturbances
        // 401: a try without an answer did it.
        let answer = try await untilAnswered { try await old.logOut() }
        if answer.status != 204, answer.status != 401 { record.contradict("logout: \(answer.status) \(answer.text)") }
        record.logOut(old.tokens.access)
        try await customer.logInAgain()
        let refused = try await untilAnswered { try await old.get("/cart") }
        let isCertain = !record.isStoreAway && record.disturbances == disturbances
        if isCertain, refused.status != 401 { record.contradict("a logged-out token got \(refused.status)") }
    }

    @discardableResult
    private func untilAnswered(_ call: () async throws -> Customer.Answer) async throws -> Customer.Answer {
        let answer = try await Customer.untilAnswered(onRetry: { record.retried() }, call)
        record.answered()
        return answer
    }
}
