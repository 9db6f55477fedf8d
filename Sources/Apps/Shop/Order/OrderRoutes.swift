import ApusHosting
import ApusRPC
import HTTPTypes
import Hummingbird

/// The order service over HTTP.
struct OrderRoutes: Sendable {
    /// The most orders that `GET /internal/orders/recent` returns.
    static let maxRecent = 50

    let service: OrderService
    /// Who calls, by the bearer token.
    let authenticate: @Sendable (Request) async throws -> String

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.post("/orders") { request, context in try await place(request, context) }
        router.get("/orders") { request, _ in try await list(request) }
        router.get("/orders/:id") { request, context in try await show(request, context) }
        router.get("/internal/orders/recent") { request, _ in
            let limit = try Self.number("limit", in: 1...Self.maxRecent, of: request) ?? 20
            return try Response.json(try await service.recent(limit: limit))
        }
    }

    private func place(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await authenticate(request)
        let key = try Self.idempotencyKey(of: request)
        let body = try await request.decodeStrictly(as: OrderRequest.self, context: context)
        guard let card = CardNumber(body.cardNumber) else {
            throw FieldErrors.fail("card_number", "must be a card number with a right check digit")
        }
        let placement = try await service.place(user: user, card: card, key: key)
        var response = try Response.json(OrderReceipt(placement.order), status: placement.isNew ? .created : .ok)
        response.headers[.location] = "/orders/\(placement.order.id)"
        return response
    }

    private func list(_ request: Request) async throws -> Response {
        let user = try await authenticate(request)
        let most = service.settings().maxPage
        let limit = try Self.number("limit", in: 1...most, of: request) ?? min(OrderSettings.defaultPage, most)
        let cursor = try Self.parameter("cursor", of: request)
        if let cursor, !Identifiers.isRecordID(cursor) {
            throw Problem.badRequest("The cursor is none of this service.", field: "cursor")
        }
        let page = try await service.orders(of: user, limit: limit, after: cursor)
        return try Response.json(
            OrderList(orders: page.orders.map { OrderView($0, steps: nil) }, nextCursor: page.next))
    }

    private func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await authenticate(request)
        let id = try context.parameters.require("id")
        guard Identifiers.isRecordID(id) else { throw Problem.notFound("There is no such order.") }
        let found = try await service.order(id, of: user)
        return try Response.json(OrderView(found.order, steps: found.steps))
    }

    private static func idempotencyKey(of request: Request) throws -> IdempotencyKey? {
        guard let name = HTTPField.Name(IdempotencyKey.headerName) else { return nil }
        let values = request.headers[values: name]
        guard let text = values.first else { return nil }
        guard values.count == 1, let key = IdempotencyKey(text) else {
            throw Problem.badRequest(
                "\(IdempotencyKey.headerName) must be one value of 1 to \(IdempotencyKey.maximumLength) visible "
                    + "ASCII characters.", field: IdempotencyKey.headerName)
        }
        return key
    }

    private static func parameter(_ name: String, of request: Request) throws -> String? {
        let values = request.uri.queryParameters.getAll(name)
        guard values.count <= 1 else { throw Problem.badRequest("\"\(name)\" is given twice.", field: name) }
        return values.first
    }

    private static func number(_ name: String, in range: ClosedRange<Int>, of request: Request) throws -> Int? {
        guard let text = try parameter(name, of: request) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Problem.badRequest(
                "\"\(name)\" must be a number from \(range.lowerBound) to \(range.upperBound).", field: name)
        }
        return number
    }
}
