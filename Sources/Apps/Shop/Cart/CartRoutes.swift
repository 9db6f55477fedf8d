import ApusHosting
import ApusRPC
import Hummingbird

/// The cart service over HTTP.
struct CartRoutes: Sendable {
    let service: CartService
    let verifier: TokenVerifier

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.get("/cart") { request, _ in
            try Response.json(try await service.cart(of: try await verifier.caller(of: request).userID))
        }
        router.post("/cart") { request, context in
            let caller = try await verifier.caller(of: request)
            let body = try await request.decodeStrictly(as: CartAPI.AddRequest.self, context: context)
            return try Response.json(try await service.add(body, to: caller.userID))
        }
        router.delete("/cart/:product_id") { request, context in
            let caller = try await verifier.caller(of: request)
            try await service.remove(try context.identifier("product_id"), from: caller.userID)
            return Response.noContent
        }
        addInternal(to: router)
    }

    /// For the order service; the gateway does not lead here.
    private func addInternal(to router: Router<ServiceContext>) {
        router.get("/internal/carts/:user") { _, context in
            try Response.json(try await service.cartToOrder(of: try context.identifier("user")))
        }
        router.post("/internal/carts/:user/checkout") { request, context in
            let body = try await request.decodeStrictly(as: CartAPI.CheckoutRequest.self, context: context)
            return try Response.json(try await service.checkout(body, userID: try context.identifier("user")))
        }
        router.post("/internal/carts/:user/restore") { request, context in
            let body = try await request.decodeStrictly(as: CartAPI.RestoreRequest.self, context: context)
            return try Response.json(try await service.restore(body, userID: try context.identifier("user")))
        }
    }
}
