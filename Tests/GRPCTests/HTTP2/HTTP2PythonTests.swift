import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// Our codec with Python's `h2` and `hpack` as the other side.
struct HTTP2PythonTests {
    private static func text(_ fields: [(String, String)]) -> String {
        fields.map { "\(Array($0.utf8).hex):\(Array($1.utf8).hex)" }.joined(separator: " ")
    }

    private static func fields(_ random: inout SeededRandom, _ words: [String]) -> [(String, String)] {
        (0..<random.below(9)).map { _ in
            let known = HTTP2Name.allCases[random.below(HTTP2Name.allCases.count)]
            let name = known == .other || random.chance(50) ? words[random.below(words.count)] : "\(known.text)"
            return (
                name, random.chance(60) ? words[random.below(words.count)] : random.word(random.below(60)) + "é~ \""
            )
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [0, 1, 2] as [UInt64]) func pythonReadsOurBlocks(_ seed: UInt64) throws {
        let python = try PythonPeer("hpack-decode")
        var random = SeededRandom(seed: seed)
        var encoder = HPACKEncoder()
        let words = (0..<40).map { _ in random.word(1 + random.below(25)) }
        for _ in 0..<300 {
            if random.chance(4) {
                let limit = random.chance(50) ? 4_096 : random.below(5_000)
                _ = try python.ask("size \(limit)")
                encoder.setPeerLimit(limit)
            }
            let fields = Self.fields(&random, words)
            var headers = HTTP2Headers()
            for (name, value) in fields {
                headers.append(
                    name: name, value: value, indexing: HTTP2Headers.Indexing(rawValue: UInt8(random.below(3)))!)
            }
            let answer = try python.ask(encoder.block(headers).hex)
            try #require(answer == Self.text(fields), "seed \(seed)")
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [0, 1, 2] as [UInt64]) func weReadPythonsBlocks(_ seed: UInt64) throws {
        let python = try PythonPeer("hpack-encode")
        var random = SeededRandom(seed: seed)
        let decoder = TestDecoder()
        let words = (0..<40).map { _ in random.word(1 + random.below(25)) }
        for _ in 0..<300 {
            if random.chance(4) {
                _ = try python.ask("size \(random.chance(50) ? 4_096 : random.below(4_097))")
            }
            let fields = Self.fields(&random, words)
            let line = fields.map { (random.chance(10) ? "!" : "") + Self.text([$0]) }.joined(separator: " ")
            let block = try python.ask(line)
            try #require(try decoder.decode(hex: block) == fields.map { "\($0): \($1)" }, "seed \(seed)")
        }
    }

    private static func configuration(_ window: Int) -> HTTP2Configuration {
        var configuration = HTTP2Configuration()
        configuration.streamWindow = window
        configuration.connectionWindow = 65_535
        return configuration
    }

    @Test(.timeLimit(.minutes(1)), arguments: [100, 16_384, 1 << 20]) func pythonServes(_ window: Int) throws {
        let python = try PythonPeer("server")
        var random = SeededRandom(seed: UInt64(window))
        let client = HTTP2Side(.client, Self.configuration(window))
        var (bodies, received, complete) = ([UInt32: [UInt8]](), [UInt32: [UInt8]](), 0)
        var events: [String] = []
        let calls = window == 100 ? 6 : 30
        for round in 0..<5_000 where complete < calls {
            if round < calls {
                let stream = try client.open()
                let body = random.bytes(
                    random.chance(30) ? random.below(window == 100 ? 3_000 : 90_000) : random.below(200))
                bodies[stream.id] = body
                client.connection.sendData(ByteBuffer(bytes: body), on: stream, endStream: true)
            }
            let answer = try python.ask(Array(client.takeOutput().readableBytesView).hex)
            client.receive(ByteBuffer(bytes: [UInt8](hex: answer)))
            for event in client.takeEvents() {
                switch event {
                case .data(let stream, let bytes, _):
                    received[stream.id, default: []] += Array(bytes.readableBytesView)
                    client.connection.consumed(bytes.readableBytes, on: stream)
                case .trailers(let stream, let fields):
                    #expect(fields.list == ["grpc-status: 0", "x-seen: yes"])
                    #expect(received[stream.id, default: []] == bodies[stream.id])
                    complete += 1
                case .informational(_, let fields): #expect(fields.list == [":status: 103", "link: early"])
                case .headers(_, let fields, _):
                    #expect(fields.list == [":status: 200", "content-type: application/grpc"])
                case .settingsChanged, .writable: break
                default: events.append(event.line)
                }
            }
        }
        #expect(complete == calls && events.count == calls && events.allSatisfy { $0.hasSuffix("completed") })
    }

    @Test(.timeLimit(.minutes(1)), arguments: [100, 16_384, 1 << 20]) func pythonCalls(_ window: Int) throws {
        let python = try PythonPeer("client")
        var random = SeededRandom(seed: UInt64(window))
        let server = HTTP2Side(.server, Self.configuration(window))
        let calls = window == 100 ? 6 : 30
        var bodies: [UInt32: ByteBuffer] = [:]
        var (complete, toServer) = (0, "")
        for round in 0..<5_000 where complete < calls {
            if round < calls {
                let size = random.chance(30) ? random.below(window == 100 ? 3_000 : 90_000) : random.below(200)
                toServer += try python.ask("open \(size)")
            }
            server.receive(ByteBuffer(bytes: [UInt8](hex: toServer)))
            for event in server.takeEvents() {
                switch event {
                case .headers(let stream, let fields, let end):
                    #expect(fields.string(.authorization) == "secret" && fields.string(.path) == "/echo")
                    bodies[stream.id] = ByteBuffer()
                    if end { Issue.record("every request has a body") }
                case .data(let stream, let bytes, let end):
                    bodies[stream.id]!.writeImmutableBuffer(bytes)
                    server.connection.consumed(bytes.readableBytes, on: stream)
                    guard end else { continue }
                    #expect(server.respond(on: stream))
                    server.connection.sendData(bodies.removeValue(forKey: stream.id)!, on: stream)
                    #expect(server.finish(on: stream))
                case .closed(_, let reason):
                    #expect(reason == .completed)
                    complete += 1
                default: break
                }
            }
            toServer = try python.ask(Array(server.takeOutput().readableBytesView).hex)
        }
        _ = try python.ask(Array(server.takeOutput().readableBytesView).hex)
        #expect(complete == calls)
        let report = try python.ask("report")
        #expect(report == "\(calls) 0 ")
    }
}
