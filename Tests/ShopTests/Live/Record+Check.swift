import Foundation
import TestSupport
import Testing

@testable import shop

extension Record {
    /// Waits until every order of the customers has an end, and checks that all of what they were promised came true.
    ///
    /// - Returns: how many orders of each card had which end, such as "approves confirmed".
    func check(_ customers: [Customer], _ title: String) async throws -> [String: Int] {
        var statuses: [String: String] = [:]
        for customer in customers {
            var customer = customer
            try await customer.logInAgain()
            let session = customer
            var orders: [Customer.Seen] = []
            try await eventually(within: .seconds(90)) {
                orders = try await session.orders()
                return orders.allSatisfy { $0.status != "pending" }
            }
            #expect(Set(orders.map(\.id)).count == orders.count, "an order is listed twice")
            #expect(orders.count <= attempts(of: customer.email), "there are more orders than keys")
            for order in orders { statuses[order.id] = order.status }
            for (key, promise) in accepted where key.hasPrefix(customer.email) {
                let again = try await customer.order(card: promise.card.rawValue, key: key)
                #expect(try again.decode(Customer.Placed.self).id == promise.order, "\(key) has another order now")
            }
        }
        for token in loggedOut {
            let answer = try await customers[0].get("/cart", token: token)
            #expect(answer.status == 401, "a logged-out token is accepted")
        }
        #expect(contradictions == [])
        var outcomes: [String: Int] = [:]
        for (key, promise) in accepted {
            let status = statuses[promise.order]
            #expect(status != nil, "the order \(promise.order) of \(key) was accepted, and is gone")
            outcomes["\(promise.card) \(status ?? "lost")", default: 0] += 1
        }
        let list = outcomes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        print("\(title): \(accepted.count) orders accepted (\(list)),")
        print("\(title): \(retries) requests repeated, \(loggedOut.count) sessions ended")
        #expect(outcomes["declines confirmed"] == nil)
        #expect(outcomes["alwaysFailsAfterCharging confirmed"] == nil)
        return outcomes
    }
}
