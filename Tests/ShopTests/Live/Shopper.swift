import ApusPrimitives
import Foundation

@testable import shop

/// Orders without pause, and repeats with the same key whatever got no answer.
struct Shopper: Sendable {
    let customer: Customer
    let record: Record
    let random: SeededRandom

    private static let products = ["nest-box", "field-guide", "sky-notebook", "enamel-mug", "first-light-print"]

    func shop() async throws {
        var random = random
        var number = 0
        while !record.isFinished {
            number += 1
            let product = Self.products.randomElement(using: &random) ?? Self.products[0]
            let quantity = Int.random(in: 1...3, using: &random)
            try await untilAnswered { try await customer.add(product, quantity: quantity) }
            let key = "\(customer.email)-\(number)"
            let card = Self.card(using: &random)
            if Int.random(in: 0..<8, using: &random) == 0 {
                async let twin: Void = order(card, key)
                try await order(card, key)
                try await twin
            } else {
                try await order(card, key)
            }
            if Int.random(in: 0..<8, using: &random) == 0 { try await order(card, key) }
        }
    }

    /// Seven of ten are approved; the others decline, or the bank takes the money without saying so.
    private static func card(using random: inout SeededRandom) -> String {
        switch Int.random(in: 0..<20, using: &random) {
        case ..<14: TestCard.approves.rawValue
        case ..<18: TestCard.declines.rawValue
        default: TestCard.failsAfterCharging.rawValue
        }
    }

    private func order(_ card: String, _ key: String) async throws {
        let answer = try await untilAnswered { try await customer.order(card: card, key: key) }
        switch answer?.status {
        case 201, 200:
            if let placed = try answer?.decode(Customer.Placed.self) { record.accept(key, placed.id) }
        case 422 where answer?.text.contains("empty-cart") == true:
            // Its cart went into the order before, when the answer to adding was lost and it was added before that.
            if record.accepted[key] != nil { record.contradict("\(key) has an order, and then none") }
        case nil: break
        default: record.contradict("\(key): \(answer?.status ?? 0) \(answer?.text ?? "")")
        }
    }

    /// Repeats until there is an answer that is not "try again", or the test ends.
    @discardableResult
    private func untilAnswered(_ call: () async throws -> Customer.Answer) async throws -> Customer.Answer? {
        let end = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < end {
            do {
                let answer = try await call()
                if ![502, 503, 504].contains(answer.status) { return answer }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // No answer: what it did is unknown, which is the point.
            }
            record.retried()
            try await Task.sleep(for: .milliseconds(50))
        }
        return nil
    }
}
