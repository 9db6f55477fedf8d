import ApusRPC
public import Hummingbird

/// JSON in and out of handlers: `request.decode(as:context:)` and whatever `ResponseEncodable` a handler returns.
public struct ServiceJSON: RequestDecoder, ResponseEncoder {
    public init() {}

    /// - Throws: `Problem`: 415 for another media type, 413, 400 or 422 as `JSONCoding.decode` says.
    public func decode<Value: Decodable>(
        _ type: Value.Type, from request: Request, context: some RequestContext
    ) async throws -> Value {
        try await Self.decode(type, from: request, limit: context.maxUploadSize, strictly: false)
    }

    public func encode(
        _ value: some Encodable, from request: Request, context: some RequestContext
    ) throws -> Response {
        let bytes = try JSONCoding.encode(value)
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, from request: Request, limit: Int, strictly: Bool
    ) async throws -> Value {
        try checkMediaType(of: request)
        let buffer = try await request.body.collect(upTo: limit)
        return try JSONCoding.decode(type, from: buffer.readableBytesView, strictly: strictly)
    }

    /// A body without a type is taken for JSON: there is nothing else that it could be here.
    private static func checkMediaType(of request: Request) throws {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw Problem(
                status: 415, detail: "Content-Encoding \(encoding) is not accepted here.",
                headers: ["Accept-Encoding": "identity"])
        }
        guard let given = request.headers[.contentType] else { return }
        let parts = given.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" } }
        let essence = parts.first ?? ""
        let isJSON = essence == "application/json" || essence.hasPrefix("application/") && essence.hasSuffix("+json")
        let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }
        guard isJSON, charset == nil || charset == "charset=utf-8" else {
            throw Problem.unsupportedMediaType(String(given.prefix(100)), accepted: ["application/json"])
        }
    }
}

extension Request {
    /// Reads the body as JSON and refuses members that `type` does not know: for requests where a misspelt field must not
    /// be overlooked.
    ///
    /// - Throws: `Problem`, which names the field.
    public func decodeStrictly<Value: Decodable>(
        as type: Value.Type = Value.self, context: some RequestContext
    ) async throws -> Value {
        try await ServiceJSON.decode(type, from: self, limit: context.maxUploadSize, strictly: true)
    }
}
