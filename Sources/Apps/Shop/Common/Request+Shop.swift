import ApusHosting
import ApusRPC
import HTTPTypes
import Hummingbird

extension Request {
    private static let fencingToken = HTTPField.Name(FencingToken.headerName)!

    /// - Throws: `Problem` 400 when there is not exactly one.
    func fencingToken() throws -> FencingToken {
        try FencingToken(headers: headers[values: Self.fencingToken])
    }

    /// The body, unless there is none.
    ///
    /// - Throws: as `decodeStrictly`.
    func decodeIfPresent<Value: Decodable>(
        as type: Value.Type = Value.self, context: ServiceContext
    ) async throws -> Value? {
        var request = self
        guard try await request.collectBody(upTo: context.maxUploadSize).readableBytes > 0 else { return nil }
        return try await request.decodeStrictly(as: type, context: context)
    }
}

extension TokenVerifier {
    /// - Throws: as `caller(authorization:)`.
    func caller(of request: Request) async throws -> Caller {
        try await caller(authorization: request.headers[values: .authorization])
    }
}

extension ServiceContext {
    /// A part of the path that names a user, an order or a product.
    ///
    /// - Throws: `Problem` 404: a path with anything else in its place leads nowhere.
    func identifier(_ name: String) throws -> String {
        guard let text = parameters.get(name), Identifiers.isRecordID(text) else {
            throw Problem.notFound("There is nothing at this path.")
        }
        return text
    }
}
