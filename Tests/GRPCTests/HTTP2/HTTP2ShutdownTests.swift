import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

struct HTTP2ShutdownTests {
    private static func seconds(_ count: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: count * 1_000_000_000) }

    @Test("6.8: a server announces twice, so that requests on their way are answered")
    func twoSteps() throws {
        let pair = HTTP2Pair()
        let first = try pair.client.open(endStream: true)
        pair.exchange()
        pair.server.connection.shutDown()
        // The client does not know yet.
        let second = try pair.client.open(endStream: true)
        pair.exchange()
        let served = pair.server.takeEvents().compactMap { event in
            if case .headers(let stream, _, _) = event { stream } else { nil }
        }
        #expect(served.map(\.id) == [first.id, second.id])
        #expect(throws: HTTP2OpenRefusal.goingAway) { _ = try pair.client.open() }
        for stream in served {
            #expect(pair.server.respond(on: stream))
            #expect(pair.server.finish(on: stream))
        }
        pair.exchange()
        #expect(pair.server.takeEvents().map(\.line) == ["closed 1 completed", "closed 3 completed", "drained"])
        let events = pair.client.takeEvents().map(\.line)
        #expect(
            events.filter { $0.hasPrefix("going") } == ["going away 2147483647 NO_ERROR ", "going away 3 NO_ERROR "])
        #expect(events.last == "drained")
    }

    @Test func aClientThatDoesNotAnswerThePingIsNotWaitedForForever() {
        let server = ScriptedSide()
        server.answers = false
        server.send(Wire.headers(1))
        server.side.connection.shutDown()
        #expect(server.takeLines() == ["GOAWAY 2147483647 NO_ERROR", "PING"])
        #expect(server.side.deadline == Self.seconds(5))
        server.side.connection.tick(now: Self.seconds(5))
        #expect(server.takeLines() == ["GOAWAY 1 NO_ERROR"])
        // From here on new streams are not looked at; their fields still count for the table.
        server.send(Wire.headers(3, [0x40, 1, 0x78, 1, 0x79] + Wire.request))
        server.send(
            Wire.headers(5, end: false) + Wire.data(5, 9) + Wire.windowUpdate(5, 1) + Wire.headers(5, Wire.trailers))
        #expect(server.takeLines() == [])
        server.side.connection.reset(HTTP2Stream(id: 1, slot: 0), .cancel)
        #expect(server.takeEvents().last == "drained")
        server.side.connection.shutDown()
        #expect(server.takeLines() == ["RST_STREAM 1 CANCEL"])
    }

    @Test func aClientDrainsToo() throws {
        let client = ScriptedSide(.client)
        _ = try client.side.open(endStream: true)
        client.side.connection.shutDown()
        _ = client.takeLines()
        #expect(throws: HTTP2OpenRefusal.goingAway) { _ = try client.side.open() }
        client.send(Wire.headers(1, Wire.response))
        #expect(client.takeEvents().suffix(2) == ["closed 1 completed", "drained"])
    }

    @Test("6.5.3: SETTINGS that are not acknowledged end the connection")
    func settingsTimeout() {
        let server = ScriptedSide(greet: false)
        server.send(Wire.preface + Wire.settings())
        _ = server.takeLines()
        #expect(server.side.deadline == Self.seconds(10))
        server.side.connection.tick(now: Self.seconds(9))
        #expect(!server.side.hasEnded)
        server.side.connection.tick(now: Self.seconds(10))
        #expect(server.takeLines() == ["GOAWAY 0 SETTINGS_TIMEOUT"])
        #expect(server.side.deadline == nil)
    }

    @Test func theTransportsEndClosesWhatIsOpen() throws {
        let client = ScriptedSide(.client)
        _ = try client.side.open()
        _ = try client.side.open()
        _ = client.takeLines()
        client.side.connection.transportClosed()
        #expect(client.takeEvents() == ["closed 1 connectionLost", "closed 3 connectionLost", "failed NO_ERROR"])
        #expect(client.takeLines() == [])
        #expect(throws: HTTP2OpenRefusal.goingAway) { _ = try client.side.open() }
        client.side.connection.transportClosed()
        client.side.connection.shutDown()
        client.side.connection.close()
        client.side.connection.ping(1)
        client.side.connection.tick(now: Self.seconds(100))
        #expect(client.takeEvents() == [] && client.takeLines() == [])
    }

    @Test func closingAtOnceSaysWhy() {
        let server = ScriptedSide()
        server.answers = false
        server.send(Wire.headers(1))
        server.side.connection.close(.enhanceYourCalm, "too_many_pings")
        #expect(server.takeLines() == ["GOAWAY 1 ENHANCE_YOUR_CALM"])
        #expect(server.takeEvents().suffix(2) == ["closed 1 connectionLost", "failed ENHANCE_YOUR_CALM"])
    }

    @Test("8.1: a server that has answered wants no more of the request")
    func earlyAnswer() {
        let server = ScriptedSide()
        server.answers = false
        server.send(Wire.headers(1, end: false) + Wire.data(1, 10))
        let stream = HTTP2Stream(id: 1, slot: 0)
        #expect(server.side.respond(on: stream))
        #expect(server.side.finish(on: stream))
        let lines = server.takeLines()
        #expect(lines.last == "RST_STREAM 1 NO_ERROR")
        #expect(server.takeEvents().last == "closed 1 completed")
        server.send(Wire.data(1, 10) + Wire.data(1, 10, end: true))
        #expect(server.takeLines() == [])
    }
}
