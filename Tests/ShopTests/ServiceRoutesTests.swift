import ApusCoordination
import ApusKV
import ApusPrimitives
import ApusRPC
import TestSupport
import Testing

@testable import shop

/// Each service over HTTP, through the hosts that the `shop` command starts.
@Suite struct ServiceRoutesTests {
    @Test func `user: sign up, and see oneself only`() async throws {
        try await ServiceBench.run([.user, .auth]) { bench in
            let created = try await bench.call(
                "POST", .user, "/users",
                json: ["name": "Ada", "email": "ada@example.org", "password": "correct horse"])
            #expect(created.status == 201)
            let user = try created.decode(as: UserAPI.UserResponse.self)
            #expect(created.headers["location"] == "/users/\(user.id)")
            #expect(created.json["password"] == nil)
            let taken = try await bench.call(
                "POST", .user, "/users",
                json: ["name": "Eve", "email": " ADA@example.org", "password": "correct horse"])
            #expect(taken.status == 409)
            #expect(taken.headers["content-type"]?.hasPrefix("application/problem+json") == true)

            let (otherID, tokens) = try await bench.newUser("bob@example.org")
            let other = try await bench.call("GET", .user, "/users/\(otherID)", token: tokens.accessToken)
            #expect(other.status == 200)
            #expect(other.json["email"] == "bob@example.org")
            #expect(try await bench.call("GET", .user, "/users/\(user.id)", token: tokens.accessToken).status == 403)
            #expect(try await bench.call("GET", .user, "/users/nobody", token: tokens.accessToken).status == 403)
            let anonymous = try await bench.call("GET", .user, "/users/\(user.id)")
            #expect(anonymous.status == 401)
            #expect(anonymous.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        }
    }

    @Test func `user: each bad body gets its status and names what is wrong`() async throws {
        try await ServiceBench.run([.user]) { bench in
            func post(_ text: String, type: String = "application/json") async throws -> ServiceBench.Answer {
                try await bench.call(
                    "POST", .user, "/users", headers: [("content-type", type)], body: Array(text.utf8))
            }
            #expect(try await post("{").status == 400)
            #expect(try await post("").status == 400)
            #expect(try await post(#"{"name":"a","name":"b"}"#).status == 400)
            #expect(try await post("name=ada", type: "application/x-www-form-urlencoded").status == 415)
            let missing = try await post(#"{"name":"Ada","email":"a@b.de"}"#)
            #expect(missing.status == 422)
            #expect(missing.json["field"] == "password")
            let unknown = try await post(#"{"name":"Ada","email":"a@b.de","password":"12345678","admin":true}"#)
            #expect(unknown.status == 422)
            #expect(unknown.json["field"] == "admin")
            let wrongType = try await post(#"{"name":7,"email":"a@b.de","password":"12345678"}"#)
            #expect(wrongType.json["field"] == "name")
            let long = try await post("\"" + String(repeating: "x", count: 1_100_000) + "\"")
            #expect(long.status == 413)
            #expect(try await bench.call("DELETE", .user, "/users").status == 405)
            #expect(try await bench.call("GET", .user, "/nowhere").status == 404)
        }
    }

    @Test func `auth: login, refresh, logout holds at every service at once`() async throws {
        try await ServiceBench.run([.user, .auth, .cart, .inventory]) { bench in
            let (id, tokens) = try await bench.newUser()
            let wrong = try await bench.call(
                "POST", .auth, "/auth/login", json: ["email": "ada@example.org", "password": "wrong horse"])
            let unknown = try await bench.call(
                "POST", .auth, "/auth/login", json: ["email": "eve@example.org", "password": "wrong horse"])
            #expect(wrong.status == 401)
            #expect(wrong.json["detail"] == unknown.json["detail"])
            #expect(wrong.json["type"] == unknown.json["type"])

            let refreshed: AuthAPI.TokenResponse = try await bench.call(
                "POST", .auth, "/auth/refresh", json: ["refresh_token": .string(tokens.refreshToken)]
            ).decode()
            let keys = try await bench.call("GET", .auth, "/.well-known/jwks.json")
            #expect(try keys.decode(as: JSONWebKeySet.self).keys.count == 1)

            for token in [tokens.accessToken, refreshed.accessToken] {
                #expect(try await bench.call("GET", .cart, "/cart", token: token).status == 200)
            }
            let out = try await bench.call("POST", .auth, "/auth/logout", token: refreshed.accessToken)
            #expect(out.status == 204)
            for token in [tokens.accessToken, refreshed.accessToken] {
                for (part, path) in [(ShopPart.cart, "/cart"), (.user, "/users/\(id)")] {
                    let refused = try await bench.call("GET", part, path, token: token)
                    #expect(refused.status == 401)
                    #expect(refused.headers["www-authenticate"]?.contains("invalid_token") == true)
                }
            }
            let again = try await bench.call(
                "POST", .auth, "/auth/refresh", json: ["refresh_token": .string(refreshed.refreshToken)])
            #expect(again.status == 401)
        }
    }

    @Test func `auth: the config center changes the life of tokens while it runs`() async throws {
        try await ServiceBench.run([.user, .auth]) { bench in
            _ = try await bench.newUser()
            try await bench.store.put("apus/config/auth/access_token_seconds", "60")
            let login: JSONValue = ["email": "ada@example.org", "password": .string(ServiceBench.password)]
            try await eventually {
                let tokens = try await bench.call("POST", .auth, "/auth/login", json: login)
                return tokens.json["expires_in"] == 60
            }
            let token = try await bench.call("POST", .auth, "/auth/login", json: login)
            bench.clock.advance(seconds: 61)
            let expired = try await bench.call(
                "GET", .user, "/users/x", token: try token.decode(as: AuthAPI.TokenResponse.self).accessToken)
            #expect(expired.status == 401)
        }
    }

    @Test func `cart: add, look, remove, with the inventory's prices`() async throws {
        try await ServiceBench.run([.user, .auth, .cart, .inventory]) { bench in
            let (id, tokens) = try await bench.newUser()
            let token = tokens.accessToken
            let products = try await bench.call("GET", .inventory, "/products").decode(
                as: InventoryAPI.ProductList.self
            ).products
            #expect(products.count == Catalogue.entries.count)
            let mug = try #require(products.first { $0.id == "enamel-mug" })
            #expect(try await bench.call("GET", .inventory, "/products/enamel-mug").decode(as: Product.self) == mug)
            #expect(try await bench.call("GET", .inventory, "/products/none").status == 404)

            let added = try await bench.call(
                "POST", .cart, "/cart", token: token, json: ["product_id": "enamel-mug", "quantity": 3])
            #expect(added.status == 200)
            let cart = try await bench.call("GET", .cart, "/cart", token: token).decode(
                as: CartAPI.CartResponse.self)
            #expect(cart.total.minorUnits == mug.price.minorUnits * 3)
            #expect(cart.version == 1)
            for (body, field) in [
                (["product_id": "none", "quantity": 1], "product_id"),
                (["product_id": "enamel-mug", "quantity": -1], "quantity"),
                (["product_id": "enamel-mug", "quantity": 9_223_372_036_854_775_807], "quantity"),
            ] as [(JSONValue, JSONValue)] {
                let refused = try await bench.call("POST", .cart, "/cart", token: token, json: body)
                #expect(refused.status == 422)
                #expect(refused.json["field"] == field)
            }
            let taken = try await bench.call(
                "POST", .cart, "/internal/carts/\(id)/checkout", json: ["order_id": "o1", "version": 1])
            #expect(taken.status == 200)
            _ = try await bench.call("POST", .cart, "/internal/carts/\(id)/restore", json: ["order_id": "o1"])
            let restored = try await bench.call("GET", .cart, "/internal/carts/\(id)")
            #expect(try restored.decode(as: CartAPI.CartResponse.self).lines == cart.lines)
            #expect(try await bench.call("DELETE", .cart, "/cart/enamel-mug", token: token).status == 204)
            #expect(try await bench.call("DELETE", .cart, "/cart/enamel-mug", token: token).status == 404)
        }
    }

    @Test func `cart: without an inventory it says so`() async throws {
        try await ServiceBench.run([.user, .auth, .cart]) { bench in
            let token = try await bench.newUser().tokens.accessToken
            let refused = try await bench.call(
                "POST", .cart, "/cart", token: token, json: ["product_id": "enamel-mug", "quantity": 3])
            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] != nil)
        }
    }

    @Test func `inventory: reserve, commit and release over HTTP`() async throws {
        try await ServiceBench.run([.inventory]) { bench in
            func reserve(_ order: String, _ quantity: Int64, fencing: Int64? = 1) async throws -> ServiceBench.Answer {
                try await bench.call(
                    "POST", .inventory, "/internal/reservations", fencing: fencing,
                    json: [
                        "order_id": .string(order),
                        "lines": [["product_id": "first-light-print", "quantity": .integer(quantity)]],
                    ])
            }
            let unfenced = try await reserve("o1", 1, fencing: nil)
            #expect(unfenced.status == 400)
            #expect(unfenced.json["field"] == "apus-fencing-token")
            let held = try await reserve("o1", 6)
            #expect(held.status == 200)
            #expect(held.json["status"] == "held")
            let short = try await reserve("o2", 6)
            #expect(short.status == 409)
            #expect(short.slug == "out-of-stock")
            #expect(short.json["product_id"] == "first-light-print")
            let path = "/internal/reservations/o1/commit"
            let committed = try await bench.call("POST", .inventory, path, fencing: 2, json: [:])
            #expect(committed.json["status"] == "committed")
            #expect(try await bench.call("POST", .inventory, path, fencing: 1, json: [:]).slug == "stale-fencing-token")
            let released = try await bench.call(
                "POST", .inventory, "/internal/reservations/o1/release", fencing: 2, json: [:])
            #expect(released.json["status"] == "released")
            #expect(try await reserve("o2", 10).status == 200)
        }
    }

    @Test func `inventory: a lease that nobody renews ends by itself`() async throws {
        try await ServiceBench.run([.inventory]) { bench in
            try await bench.store.put("apus/config/inventory/sweep_milliseconds", "10")
            _ = try await bench.call(
                "POST", .inventory, "/internal/reservations", fencing: 1,
                json: ["order_id": "o1", "lines": [["product_id": "first-light-print", "quantity": 10]]])
            bench.clock.advance(seconds: 61)
            try await eventually {
                try await bench.call("GET", .inventory, "/products/first-light-print").json["available"] == 10
            }
        }
    }

    @Test func `payment: cards become tokens, charges happen once`() async throws {
        try await ServiceBench.run([.payment]) { bench in
            func charge(_ order: String, card: TestCard, times: Int = 1) async throws -> ServiceBench.Answer {
                let kept = try await bench.call(
                    "POST", .payment, "/internal/cards", json: ["card_number": .string(card.rawValue)])
                #expect(kept.status == 201)
                #expect(kept.json["last_four"] == .string(String(card.rawValue.suffix(4))))
                var answer = kept
                for _ in 0..<times {
                    answer = try await bench.call(
                        "POST", .payment, "/internal/charges", fencing: 1,
                        json: [
                            "order_id": .string(order), "amount": 100, "currency": "EUR",
                            "card_token": kept.json["card_token"]!,
                        ])
                }
                return answer
            }
            #expect(try await charge("o1", card: .approves, times: 2).json["status"] == "approved")
            let declined = try await charge("o2", card: .declines)
            #expect(declined.status == 402)
            #expect(declined.slug == "card-declined")
            #expect(try await charge("o3", card: .failsAfterCharging).status == 502)
            #expect(try await charge("o4", card: .failsAfterCharging, times: 2).status == 200)
            let refund = try await bench.call("POST", .payment, "/internal/charges/o1/refund", fencing: 1, json: [:])
            #expect(refund.json["status"] == "refunded")
            let invalid = try await bench.call(
                "POST", .payment, "/internal/cards", json: ["card_number": "4242424242424241"])
            #expect(invalid.status == 422)
            #expect(invalid.json["field"] == "card_number")
        }
    }
}
