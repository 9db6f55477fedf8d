import ApusHosting
import ApusRPC
import Hummingbird

/// The inventory over HTTP.
struct InventoryRoutes: Sendable {
    let service: InventoryService

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.get("/products") { _, _ in
            try Response.json(InventoryAPI.ProductList(products: try await service.products()))
        }
        router.get("/products/:id") { _, context in
            try Response.json(try await service.product(try context.identifier("id")))
        }
        addInternal(to: router)
    }

    /// For the cart and the order service; the gateway does not lead here.
    private func addInternal(to router: Router<ServiceContext>) {
        router.get("/internal/products") { request, _ in
            let values = request.uri.queryParameters.getAll("ids")
            guard values.count == 1, let list = values.first else {
                throw Problem.badRequest("\"ids\" must be given once.", field: "ids")
            }
            let ids = list.split(separator: ",").map(String.init)
            return try Response.json(InventoryAPI.ProductList(products: try await service.products(ids: ids)))
        }
        router.post("/internal/reservations") { request, context in
            let token = try request.fencingToken()
            let body = try await request.decodeStrictly(as: InventoryAPI.ReserveRequest.self, context: context)
            return try Self.answer(try await service.reserve(body, token: token))
        }
        router.post("/internal/reservations/:order_id/commit") { request, context in
            let orderID = try context.identifier("order_id")
            return try Self.answer(try await service.commit(orderID: orderID, token: try request.fencingToken()))
        }
        router.post("/internal/reservations/:order_id/release") { request, context in
            let orderID = try context.identifier("order_id")
            return try Self.answer(try await service.release(orderID: orderID, token: try request.fencingToken()))
        }
    }

    private static func answer(_ reservation: Reservation) throws -> Response {
        try Response.json(InventoryAPI.ReservationResponse(reservation))
    }
}
