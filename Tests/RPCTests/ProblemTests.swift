import ApusRPC
import Testing

/// RFC 9457, both ways.
@Suite struct ProblemTests {
    private func decode(_ text: String) throws -> Problem {
        try JSONCoding.decode(Problem.self, from: Array(text.utf8))
    }

    @Test func `what is written is read again`() throws {
        var problem = Problem(
            "out-of-stock", status: 409, title: "Out of Stock", detail: "3 of \"mug\" are left.",
            extensions: ["left": 3, "ids": ["a", "b"], "more": ["x": nil, "y": 1.5, "z": true]])
        problem.instance = "urn:trace:1"
        let again = try JSONCoding.decode(Problem.self, from: problem.encoded())
        #expect(again == problem)
        #expect(again.slug == "out-of-stock")
    }

    @Test func `members are sorted, and header fields are not among them`() {
        let problem = Problem.unauthorized("No token.")
        #expect(problem.headers["WWW-Authenticate"] == "Bearer")
        let text = String(decoding: problem.encoded(), as: UTF8.self)
        #expect(text == #"{"detail":"No token.","status":401,"title":"Unauthorized","type":"about:blank"}"#)
    }

    @Test func `members of the wrong type count as absent`() throws {
        let problem = try decode(#"{"type":7,"title":null,"status":"x","detail":[],"instance":{},"balance":30}"#)
        #expect(problem.type == "about:blank")
        #expect(problem.status == 500)
        #expect(problem.detail == nil && problem.instance == nil)
        #expect(problem.extensions == ["balance": 30])
    }

    @Test func `an extension cannot take the place of a member`() throws {
        var problem = Problem.notFound("Nothing here.")
        problem.extensions["status"] = 200
        #expect(try JSONCoding.decode(Problem.self, from: problem.encoded()).status == 404)
    }

    @Test func `numbers that JSON does not have are still written`() throws {
        let problem = Problem(status: 500, extensions: ["ratio": .number(.infinity)])
        #expect(try JSONCoding.decode(Problem.self, from: problem.encoded()).extensions["ratio"] == "Infinity")
    }

    @Test func `a wait is whole seconds, rounded up, at least one`() {
        for (delay, seconds) in [
            (Duration.milliseconds(1), "1"), (.seconds(1), "1"), (.milliseconds(1001), "2"), (.zero, "1"),
        ] {
            let problem = Problem.unavailable("Busy.", retryAfter: delay)
            #expect(problem.headers["Retry-After"] == seconds)
        }
        #expect(Problem.unavailable("Busy.").retryAfter == nil)
        #expect(Problem(status: 503, headers: ["Retry-After": "120"]).retryAfter == .seconds(120))
        #expect(Problem(status: 503, headers: ["Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"]).retryAfter == nil)
    }

    @Test func `each kind has its status and header`() {
        #expect(Problem.methodNotAllowed(allowed: ["GET", "PUT"]).headers["Allow"] == "GET, PUT")
        #expect(Problem.badRequest("No.", field: "lines[0]").extensions["field"] == "lines[0]")
        #expect(Problem.payloadTooLarge(limit: 10).extensions["limit_bytes"] == 10)
        #expect(Problem.unsupportedMediaType(nil, accepted: ["a/b"]).headers["Accept"] == "a/b")
        #expect(Problem.timeout("Late.").status == 504)
        #expect(Problem(status: 599).title == "Server Error" && Problem(status: 499).title == "Request Refused")
    }
}
