import ApusObservability
import ApusPrimitives
import Testing

/// One test for each rule of W3C Trace Context, level 1, sections 3.2 and 3.3.
@Suite struct TraceContextTests {
    static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func readsVersionZero() throws {
        let context = try #require(TraceContext(traceparent: Self.valid))
        #expect(context.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(context.spanID.description == "b7ad6b7169203331")
        #expect(context.isSampled)
        #expect(context.traceparent == Self.valid)
    }

    @Test(arguments: [
        "",
        "00",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",  // the one version that is forbidden
        "FF-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",  // no trace
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",  // no parent
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",  // upper case
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",  // version 00 has four fields
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01-xx",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",  // a later version goes on after a dash
        "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
    ])
    func refuses(_ text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test(arguments: [
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings",
    ])
    func readsWhatItKnowsOfALaterVersion(_ text: String) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceparent == Self.valid, "and sends its own version")
    }

    @Test func sendsOnlyTheFlagItKnows() throws {
        let all = try #require(TraceContext(traceparent: String(Self.valid.dropLast(2)) + "ff"))
        #expect(all.traceparent.hasSuffix("-01"))
        let none = try #require(TraceContext(traceparent: String(Self.valid.dropLast(2)) + "fe"))
        #expect(none.traceparent.hasSuffix("-00"))
    }

    @Test func aChildKeepsTheTraceAndHasASpanOfItsOwn() throws {
        var random = SeededRandom(seed: 1)
        let parent = try #require(TraceContext(traceparent: Self.valid, tracestate: ["a=1"]))
        let child = parent.child(using: &random)
        #expect(child.traceID == parent.traceID)
        #expect(child.spanID != parent.spanID)
        #expect(child.parentSpanID == parent.spanID)
        #expect(child.isSampled == parent.isSampled)
        #expect(child.traceState == parent.traceState)
    }

    @Test func whatCannotBeReadStartsANewTrace() {
        #expect(TraceContext.received(traceparent: ["nonsense"], tracestate: ["a=1"]).traceState == nil)
        #expect(TraceContext.received(traceparent: []).parentSpanID == nil)
        let doubled = TraceContext.received(traceparent: [Self.valid, Self.valid])
        #expect(doubled.traceID.description != "0af7651916cd43dd8448eb211c80319c")
        let once = TraceContext.received(traceparent: [Self.valid])
        #expect(once.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(once.parentSpanID?.description == "b7ad6b7169203331")
    }

    @Test func identifiersDifferAndAreNeverZero() {
        var random = SeededRandom(seed: 7)
        let roots = (0..<1000).map { _ in TraceContext.root(using: &random) }
        #expect(Set(roots.map(\.traceID)).count == 1000)
        #expect(roots.allSatisfy { TraceContext(traceparent: $0.traceparent) != nil })
    }

    @Test func childTasksInheritTheCurrentSpan() async {
        let context = TraceContext.root()
        await TraceContext.$current.withValue(context) {
            async let seen = TraceContext.current
            #expect(await seen == context)
        }
        #expect(TraceContext.current == nil)
    }
}

@Suite struct TraceStateTests {
    @Test func joinsTheFieldsInTheirOrder() {
        #expect(TraceState(headers: ["a=1, b=2", "c=3"])?.description == "a=1,b=2,c=3")
        #expect(TraceState(headers: ["tenant@system=x"])?.description == "tenant@system=x")
        #expect(TraceState(headers: ["a=1,,b=2,"])?.members == ["a=1", "b=2"])
    }

    @Test(arguments: [
        "", " ", "a", "=1", "a=", "A=1", "a=1,a=2", "a b=1", "a=é", "a=1=2", "1a=1", "@s=1", "t@=1", "a@b@c=1",
        String(repeating: "k", count: 257) + "=1", "k=" + String(repeating: "v", count: 257),
        (0..<33).map { "k\($0)=1" }.joined(separator: ","),
    ])
    func dropsWhatIsNotValid(_ text: String) {
        #expect(TraceState(headers: [text]) == nil)
    }

    @Test func isBounded() throws {
        let long = "long=" + String(repeating: "x", count: 200)
        let many = (0..<31).map { "k\($0)=" + String(repeating: "y", count: 20) }
        let state = try #require(TraceState(headers: [([long] + many).joined(separator: ",")]))
        #expect(state.description.utf8.count <= TraceState.maxCharacters)
        #expect(state.members.first == many.first, "the long member goes first, then the oldest")
    }
}
