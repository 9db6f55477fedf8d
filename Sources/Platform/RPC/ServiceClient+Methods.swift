/// Calls that send and expect JSON.
///
/// A `Problem` of 500 or more that one throws says which service failed, in `failedService`. A handler may throw it on: with
/// what the service answered goes `ServiceResponse.failedServiceHeader`.
extension ServiceClient {
    /// - Throws: the `Problem` that the service answered, or that of `send`.
    public func get<Result: Decodable>(
        _ service: String, _ path: String, headers: [String: String] = [:], as type: Result.Type = Result.self
    ) async throws -> Result {
        try await call(service, ServiceRequest("GET", path, headers: Self.list(headers)))
    }

    /// - Parameter idempotencyKey: the same key for the same intent: then the call may be repeated, and is.
    /// - Throws: the `Problem` that the service answered, or that of `send`.
    public func post<Body: Encodable, Result: Decodable>(
        _ service: String, _ path: String, body: Body, idempotencyKey: String? = nil, headers: [String: String] = [:],
        as type: Result.Type = Result.self
    ) async throws -> Result {
        var request = ServiceRequest("POST", path, headers: Self.list(headers), idempotencyKey: idempotencyKey)
        request.body = try JSONCoding.encode(body)
        return try await call(service, request)
    }

    /// - Throws: the `Problem` that the service answered, or that of `send`.
    public func put<Body: Encodable, Result: Decodable>(
        _ service: String, _ path: String, body: Body, headers: [String: String] = [:],
        as type: Result.Type = Result.self
    ) async throws -> Result {
        var request = ServiceRequest("PUT", path, headers: Self.list(headers))
        request.body = try JSONCoding.encode(body)
        return try await call(service, request)
    }

    /// - Throws: the `Problem` that the service answered, or that of `send`.
    public func delete<Result: Decodable>(
        _ service: String, _ path: String, headers: [String: String] = [:], as type: Result.Type = Result.self
    ) async throws -> Result {
        try await call(service, ServiceRequest("DELETE", path, headers: Self.list(headers)))
    }

    private func call<Result: Decodable>(_ service: String, _ request: ServiceRequest) async throws -> Result {
        var request = request
        request.headers.append(("accept", "application/json"))
        if request.body != nil { request.headers.append(("content-type", "application/json")) }
        do {
            let response = try await send(request, to: service)
            guard var problem = response.problem else { return try response.decode() }
            if problem.status >= 500 {
                problem.headers[ServiceResponse.failedServiceHeader] = problem.failedService ?? service
            }
            throw problem
        } catch var problem as Problem where problem.status >= 500 {
            problem.failedService = problem.failedService ?? service
            throw problem
        }
    }

    private static func list(_ headers: [String: String]) -> [(name: String, value: String)] {
        headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
