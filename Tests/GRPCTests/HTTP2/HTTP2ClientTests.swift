import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// What a client makes of a server's frames.
struct HTTP2ClientTests {
    private static let answer = Wire.headers(1, Wire.response, end: false)

    private static func client(open count: Int = 1) throws -> ScriptedSide {
        let client = ScriptedSide(.client)
        for _ in 0..<count { _ = try client.side.open(endStream: true) }
        _ = client.takeLines()
        return client
    }

    @Test("3.4: a client begins with the preface, SETTINGS without push, and its window")
    func preface() {
        let client = ScriptedSide(.client, greet: false)
        #expect(client.takeLines() == ["preface", "SETTINGS", "WINDOW_UPDATE 0 4128769"])
        client.send(Wire.headers(1, Wire.response))
        #expect(client.takeLines() == ["GOAWAY 0 PROTOCOL_ERROR"])
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let frames: [UInt8]
        let lines: [String]
        let events: [String]

        init(_ what: String, _ frames: [[UInt8]], writes lines: [String] = [], tells events: [String]) {
            (self.what, self.frames, self.lines, self.events) = (what, frames.flatMap { $0 }, lines, events)
        }

        var testDescription: String { what }
    }

    private static func broken(_ what: String, _ frames: [[UInt8]], _ code: HTTP2ErrorCode = .protocolError) -> Case {
        Case(what, frames, writes: ["RST_STREAM 1 \(code)"], tells: [])
    }

    private static func fatal(_ what: String, _ frames: [[UInt8]], _ code: HTTP2ErrorCode = .protocolError) -> Case {
        Case(
            what, frames, writes: ["GOAWAY 0 \(code)"],
            tells: ["closed 1 connectionLost", "failed \(code)"])
    }

    private static let early = Wire.block([(":status", "100")])
    private static let long = Wire.block([(":status", "200"), ("content-length", "3")])

    static let cases: [Case] = [
        Case(
            "8.1: a response, data and trailers",
            [answer, Wire.data(1, 2), Wire.headers(1, Wire.trailers)],
            tells: ["headers 1 [:status: 200]", "data 1 dd", "trailers 1 [grpc-status: 0]", "closed 1 completed"]),
        Case(
            "8.1: 1xx before the response", [Wire.headers(1, early, end: false), Wire.headers(1, Wire.response)],
            tells: ["informational 1 [:status: 100]", "headers 1 [:status: 200] end", "closed 1 completed"]),
        broken("8.1: 1xx that ends the stream", [Wire.headers(1, early)]),
        broken("8.1: DATA before the response", [Wire.data(1, 1)]),
        broken("8.1: trailers without END_STREAM", [answer, Wire.headers(1, Wire.trailers, end: false)]),
        broken("8.1: a second response", [answer, Wire.headers(1, Wire.response)]),
        broken("8.1.1: too little DATA", [Wire.headers(1, long, end: false), Wire.data(1, 2, end: true)]),
        broken("8.1.1: too much DATA", [Wire.headers(1, long, end: false), Wire.data(1, 4)]),
        broken(
            "8.1: DATA of a 204", [Wire.headers(1, Wire.block([(":status", "204")]), end: false), Wire.data(1, 1)]),
        Case(
            "8.1.1: content-length of a response without DATA", [Wire.headers(1, long)],
            tells: ["headers 1 [:status: 200, content-length: 3] end", "closed 1 completed"]),
        broken("8.3.2: no :status", [Wire.headers(1, Wire.trailers)]),
        broken("8.3.2: a :status that is no number", [Wire.headers(1, Wire.block([(":status", "2x0")]))]),
        broken("8.3.2: a :status below 100", [Wire.headers(1, Wire.block([(":status", "099")]))]),
        broken("8.3: :path in a response", [Wire.headers(1, Wire.block([(":status", "200"), (":path", "/")]))]),
        Case("6.4: RST_STREAM", [Wire.reset(1, 8)], tells: ["closed 1 resetByPeer(CANCEL)"]),
        Case("8.7: REFUSED_STREAM", [Wire.reset(1, 7)], tells: ["closed 1 refused"]),
        Case(
            "8.1: a server that wants no more of the request",
            [Wire.headers(1, Wire.response), Wire.reset(1, 0)],
            tells: ["headers 1 [:status: 200] end", "closed 1 completed"]),
        Case(
            "6.5: SETTINGS", [Wire.settings([(3, 5), (4, 1), (5, 20_000), (6, 99)])], writes: ["SETTINGS ack"],
            tells: ["settings"]),
        Case("6.7: PING", [Wire.ping()], writes: ["PING ack"], tells: ["pinged"]),
        Case("6.7: an answer to PING", [Wire.ping([0, 0, 0, 0, 0, 0, 0, 9], ack: true)], tells: ["ponged 9"]),
        fatal("6.6: PUSH_PROMISE", [Wire.frame(5, flags: 4, 1, [0, 0, 0, 2] + Wire.request)]),
        fatal("6.5.2: a server that enables push", [Wire.settings([(2, 1)])]),
        fatal("5.1.1: HEADERS on a stream of the server", [Wire.headers(2, Wire.response)]),
        fatal("5.1: HEADERS on an idle stream", [Wire.headers(3, Wire.response)]),
        fatal("5.1: DATA on an idle stream", [Wire.data(3, 1)]),
    ]

    @Test(arguments: cases) func hears(_ example: Case) throws {
        let client = try Self.client()
        client.send(example.frames)
        #expect(client.takeLines() == example.lines)
        let events = client.takeEvents()
        if example.events.isEmpty {
            #expect(events.last?.hasPrefix("closed 1 resetByUs(") == true)
        } else {
            #expect(events == example.events)
        }
    }

    @Test func theServersLimitOnStreamsIsKept() throws {
        let client = ScriptedSide(.client, greet: false)
        #expect(throws: HTTP2OpenRefusal.tooManyStreams) {
            for _ in 0...HTTP2PeerSettings.initialStreams { _ = try client.side.open() }
        }
        client.send(Wire.settings([(3, 101)]))
        _ = try client.side.open()
        #expect(throws: HTTP2OpenRefusal.tooManyStreams) { _ = try client.side.open() }
        client.send(Wire.settings([(3, 100)]) + Wire.settings([(3, 101)]) + Wire.settings())
        #expect(throws: HTTP2OpenRefusal.tooManyStreams) { _ = try client.side.open() }
        client.send(Wire.reset(1))
        _ = try client.side.open()
        let unlimited = try Self.client(open: 500)
        #expect(unlimited.side.openStreams == 500)
    }

    @Test("6.8: GOAWAY ends the streams that the server never looked at, and those only")
    func goAway() throws {
        let client = try Self.client(open: 3)
        client.send(Wire.goAway(3, 0, "bye"))
        #expect(client.takeEvents() == ["going away 3 NO_ERROR bye", "closed 5 refused"])
        #expect(throws: HTTP2OpenRefusal.goingAway) { _ = try client.side.open() }
        client.send(Wire.headers(1, Wire.response))
        client.send(Wire.goAway(0x7FFF_FFFF))
        #expect(
            client.takeEvents() == ["headers 1 [:status: 200] end", "closed 1 completed", "going away 3 NO_ERROR "])
        client.send(Wire.goAway(1))
        #expect(client.takeEvents() == ["going away 1 NO_ERROR ", "closed 3 refused", "drained"])
    }

    @Test func debugDataIsCut() throws {
        let client = try Self.client()
        client.send(Wire.goAway(1, 0, String(repeating: "x", count: 9_000)))
        #expect(client.takeEvents() == ["going away 1 NO_ERROR " + String(repeating: "x", count: 1_024)])
    }

    @Test func whatCrossesAResetOnTheWireIsIgnored() throws {
        let client = try Self.client(open: 2)
        client.side.connection.reset(HTTP2Stream(id: 1, slot: 0), .cancel)
        #expect(client.takeLines() == ["RST_STREAM 1 CANCEL"])
        client.send(
            Self.answer + Wire.data(1, 9) + Wire.headers(1, Wire.trailers) + Wire.windowUpdate(1, 1) + Wire.reset(1))
        client.send(Wire.headers(3, Wire.response))
        #expect(client.takeLines() == [])
        #expect(
            client.takeEvents() == [
                "closed 1 resetByUs(CANCEL: reset by this side)", "headers 3 [:status: 200] end", "closed 3 completed",
            ])
    }

    @Test func handlesOfClosedStreamsDoNothing() throws {
        let client = try Self.client()
        let old = HTTP2Stream(id: 1, slot: 0)
        client.send(Wire.reset(1))
        let new = try client.side.open()
        #expect(new.slot == old.slot && new.id == 3)
        _ = client.takeLines()
        #expect(client.side.send("x", on: old) == .closed)
        #expect(!client.side.finish(on: old))
        client.side.connection.reset(old, .cancel)
        client.side.connection.consumed(5, on: old)
        #expect(client.takeLines() == [] && client.side.openStreams == 1)
        #expect(client.side.send("x", on: new, endStream: true) == .accepted)
        #expect(client.side.send("x", on: new) == .closed)
    }
}
