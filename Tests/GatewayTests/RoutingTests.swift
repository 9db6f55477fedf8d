import Testing

@testable import ApusGateway

@Suite struct RoutingTests {
    private let table = RouteTable(
        [
            GatewayRoute(.exact("/"), to: "dashboard"),
            GatewayRoute(.prefix("/users"), to: "user"),
            GatewayRoute(.prefix("/users/admin"), to: "admin"),
            GatewayRoute(.exact("/users/me"), to: "me"),
            GatewayRoute(.prefix("/orders"), to: "orders-read", methods: ["GET", "HEAD"]),
            GatewayRoute(.prefix("/orders"), to: "orders-write", methods: ["POST"]),
        ], hiddenPrefixes: ["/internal"])

    private func service(_ path: String, _ method: String = "GET") -> String? {
        let match = Array(path.utf8).withUnsafeBytes { path in
            Array(method.utf8).withUnsafeBytes { table.match(path: path, method: $0) }
        }
        guard case .route(let index) = match else { return nil }
        return table.entries[index].route.service
    }

    @Test func theMostSpecificRouteWins() {
        #expect(service("/") == "dashboard")
        #expect(service("/users") == "user")
        #expect(service("/users/") == "user")
        #expect(service("/users/7") == "user")
        #expect(service("/usersx") == nil)
        #expect(service("/Users") == nil)
        #expect(service("/users/admin") == "admin")
        #expect(service("/users/administrator") == "user")
        #expect(service("/users/me") == "me")
        #expect(service("/users/me/x") == "user")
        #expect(service("/nothing") == nil)
    }

    @Test func methodsChooseAmongEqualPaths() {
        #expect(service("/orders", "GET") == "orders-read")
        #expect(service("/orders/1", "POST") == "orders-write")
        let match = Array("/orders".utf8).withUnsafeBytes { path in
            Array("DELETE".utf8).withUnsafeBytes { table.match(path: path, method: $0) }
        }
        #expect(match == .methodNotAllowed(allowed: ["GET", "HEAD", "POST"]))
    }

    @Test func whatIsHiddenStaysHiddenEvenUnderARouteForEverything() {
        let open = RouteTable([GatewayRoute(.prefix("/"), to: "all")], hiddenPrefixes: ["/internal"])
        for (path, found) in [
            ("/internal", false), ("/internal/x", false), ("/INTERNAL/x", false), ("/internals", true), ("/x", true),
        ] {
            let match = Array(path.utf8).withUnsafeBytes { path in
                Array("GET".utf8).withUnsafeBytes { open.match(path: path, method: $0) }
            }
            #expect((match == .route(0)) == found, "\(path)")
        }
    }

    @Test(arguments: [
        "/a/../b", "/..", "/a/..", "/../a", "/./a", "/a/.", "//", "//a", "/a//b", "/a//", "/%2e%2e/a", "/a/%2E./b",
        "/a/.%2e/b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/..\\a", "/a%00", "/a%0ab", "/a%7f", "/a%", "/a%2",
        "/a%zz", "/a/..;/b", "/a/..;x=1/b", "/a/%2e%2e%3b/b", "/a/.;/b", "/%2e",
    ])
    func ambiguousPathsAreRefused(path: String) {
        #expect(throws: RequestFault.ambiguousPath) {
            try Array(path.utf8).withUnsafeBytes { bytes throws(RequestFault) in try RoutingPath.decode(bytes) }
        }
    }

    @Test(arguments: [
        ("/", "/"), ("/a/", "/a/"), ("/a.b/c", "/a.b/c"), ("/.well-known/x", "/.well-known/x"), ("/...", "/..."),
        ("/%61pi", "/api"), ("/a%20b", "/a b"), ("/a%252e%252e", "/a%2e%2e"), ("/caf%C3%A9", "/café"),
        ("/a;b/c", "/a;b/c"),
    ])
    func otherPathsAreDecodedOnce(path: String, expected: String) throws {
        let raw = Array(path.utf8)
        let decoded = try raw.withUnsafeBytes { bytes throws(RequestFault) in try RoutingPath.decode(bytes) }
        #expect(String(decoding: decoded ?? raw, as: UTF8.self) == expected)
    }
}
