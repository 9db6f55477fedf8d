import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

struct HTTP2ExchangeTests {
    @Test func requestDataResponseAndTrailers() throws {
        let pair = HTTP2Pair()
        let request = pair.client.template(.request)
        let (head, tail) = (pair.server.template(.response), pair.server.template(.ok))
        // Three times: fields enter the table, are found in it, and come from the kept block.
        for number in UInt32(0)..<3 {
            let id = 2 * number + 1
            let sent = try pair.client.connection.openStream(request)
            #expect(pair.client.send("ping", on: sent, endStream: true) == .accepted)
            pair.exchange()
            let events = pair.server.takeEvents()
            #expect(
                events.map(\.line) == [
                    "headers \(id) [\(HTTP2Headers.request.list.joined(separator: ", "))]", "data \(id) ping end",
                ])
            guard case .headers(let stream, _, _) = events[0] else { return }
            pair.server.connection.sendHeaders(head, on: stream)
            pair.server.connection.sendMessage(ByteBuffer(string: "pong"), on: stream)
            pair.server.connection.sendTrailers(tail, on: stream)
            pair.exchange()
            #expect(pair.server.takeEvents().map(\.line) == ["closed \(id) completed"])
            #expect(
                pair.client.takeEvents().map(\.line) == [
                    "headers \(id) [:status: 200, content-type: application/grpc]", "data \(id) \0\0\0\0\u{4}pong",
                    "trailers \(id) [grpc-status: 0]", "closed \(id) completed",
                ])
        }
        #expect(pair.client.openStreams == 0 && pair.server.openStreams == 0)
    }
}
