import ApusHosting
import ApusRPC
import Hummingbird

/// The payment service over HTTP. All of it is for the order service; the gateway leads nowhere in here.
struct PaymentRoutes: Sendable {
    let service: PaymentService

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.post("/internal/cards") { request, context in
            let body = try await request.decodeStrictly(as: PaymentAPI.CardRequest.self, context: context)
            return try Response.json(try await service.keep(body), status: .created)
        }
        router.post("/internal/charges") { request, context in
            let token = try request.fencingToken()
            let body = try await request.decodeStrictly(as: PaymentAPI.ChargeRequest.self, context: context)
            return try Response.json(PaymentAPI.ChargeResponse(try await service.charge(body, token: token)))
        }
        router.post("/internal/charges/:order_id/refund") { request, context in
            let orderID = try context.identifier("order_id")
            let charge = try await service.refund(orderID: orderID, token: try request.fencingToken())
            return try Response.json(PaymentAPI.ChargeResponse(charge))
        }
    }
}
