import NIOCore
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct ForwardingTests {
    @Test func aRequestReachesItsServiceAndComesBack() async throws {
        let server = try await ScriptedServer.start { _ in .ok("hello", headers: "x-own: 1\r\n") }
        try await Harness.run(servers: [server]) { harness in
            let response = try await harness.get("/api/a?b=c")
            #expect(response.status == 200)
            #expect(response.bodyText == "hello")
            #expect(response.header("x-own") == "1")
            #expect(response.header("via") == "1.1 apus")
            let seen = try #require(server.requests.first)
            #expect(seen.line == "GET /api/a?b=c HTTP/1.1")
            #expect(seen.header("host") == "shop.example")
            try await harness.expectQuiet()
        }
    }
}
