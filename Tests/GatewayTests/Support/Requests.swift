import TestSupport

@testable import ApusGateway

extension RawResponse {
    /// Whether the gateway itself says what is wrong.
    var isProblem: Bool {
        header("content-type") == "application/problem+json" && bodyText.contains("\"status\":\(status)")
    }
}

extension Harness {
    /// Sends `text` on a connection of its own and expects a problem with `status`; whether the connection is then closed
    /// is returned.
    func refusal(_ text: String) async throws -> (response: RawResponse, closed: Bool) {
        let connection = try await connect()
        try await connection.send(text)
        let response = try await connection.response(isHead: text.hasPrefix("HEAD "))
        let closes = response.header("connection") == "close"
        if closes { try await connection.waitUntilClosed() }
        await connection.close()
        return (response, closes)
    }
}
