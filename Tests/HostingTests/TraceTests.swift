import ApusHosting
import ApusObservability
import ApusRPC
import Hummingbird
import Logging
import TestSupport
import Testing

/// W3C Trace Context at the door of a service.
@Suite struct TraceTests {
    private static let traceID = "0af7651916cd43dd8448eb211c80319c"
    private static let caller = "00-\(traceID)-b7ad6b7169203331-01"

    /// Answers with the trace id, the parent and the vendors' state that a handler sees.
    private static func run(_ body: (HostBench) async throws -> Void) async throws {
        try await HostBench.run(
            routes: { router in
                router.get("/trace") { _, context in
                    let current = try #require(TraceContext.current)
                    #expect(current == context.trace)
                    context.logger.info("in the handler")
                    let parent = current.parentSpanID.map(\.description) ?? "none"
                    return "\(current.traceID) \(parent) \(current.traceState?.description ?? "none")"
                }
            }, body)
    }

    @Test func `the caller's trace goes on`() async throws {
        try await Self.run { bench in
            let answer = try await bench.get(
                "/trace", headers: "traceparent: \(Self.caller)\r\ntracestate: a=1,b=2\r\n")
            #expect(answer.bodyText == "\(Self.traceID) b7ad6b7169203331 a=1,b=2")
            #expect(bench.log.lines.contains { $0.contains("in the handler") && $0.contains(Self.traceID) })
            let refused = try await bench.get("/nowhere", headers: "traceparent: \(Self.caller)\r\n").problem(404)
            #expect(refused.instance == "urn:trace:\(Self.traceID)")
        }
    }

    @Test func `without one a trace begins`() async throws {
        try await Self.run { bench in
            let (first, second) = (try await bench.get("/trace").bodyText, try await bench.get("/trace").bodyText)
            #expect(first.hasSuffix(" none none") && second.hasSuffix(" none none"))
            #expect(first.prefix(32) != second.prefix(32))
        }
    }

    @Test func `a bad one is ignored`() async throws {
        let bad = [
            "nonsense", "00-\(String(repeating: "0", count: 32))-b7ad6b7169203331-01",
            "ff-\(Self.traceID)-b7ad6b7169203331-01", "00-\(Self.traceID.uppercased())-b7ad6b7169203331-01",
            Self.caller + "-more", "",
        ]
        try await Self.run { bench in
            for value in bad {
                let answer = try await bench.get("/trace", headers: "traceparent: \(value)\r\ntracestate: a=1\r\n")
                #expect(answer.status == 200)
                #expect(!answer.bodyText.contains(Self.traceID) && answer.bodyText.hasSuffix(" none none"))
            }
            let twice = "traceparent: \(Self.caller)\r\ntraceparent: \(Self.caller)\r\n"
            #expect(try await bench.get("/trace", headers: twice).bodyText.hasSuffix(" none none"))
        }
    }
}
