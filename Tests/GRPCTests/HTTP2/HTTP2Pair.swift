import ApusPrimitives
import NIOCore

@testable import ApusGRPC

/// One side of a connection under test, and the events that it told.
final class HTTP2Side {
    var connection: HTTP2Connection
    var events: [HTTP2Event] = []

    init(_ role: HTTP2Role, _ configuration: HTTP2Configuration = .init(), now: MonotonicTime = .zero) {
        connection = HTTP2Connection(role: role, configuration: configuration, now: now)
    }

    func receive(_ bytes: ByteBuffer, now: MonotonicTime = .zero) {
        connection.receive(bytes, now: now)
        drain()
    }

    func drain() {
        while let event = connection.nextEvent() { events.append(event) }
    }

    func takeEvents() -> [HTTP2Event] {
        drain()
        defer { events = [] }
        return events
    }

    // A value that cannot be copied cannot stand in an expectation: what those look at is passed on here.

    func template(_ fields: HTTP2Headers) -> HTTP2Template { connection.template(fields)! }

    func open(_ fields: HTTP2Headers = .request, endStream: Bool = false) throws -> HTTP2Stream {
        try connection.openStream(adding: fields, endStream: endStream)
    }

    func respond(_ fields: HTTP2Headers = .response, on stream: HTTP2Stream, endStream: Bool = false) -> Bool {
        connection.sendHeaders(adding: fields, on: stream, endStream: endStream)
    }

    func send(_ text: String, on stream: HTTP2Stream, endStream: Bool = false) -> HTTP2SendResult {
        connection.sendData(ByteBuffer(string: text), on: stream, endStream: endStream)
    }

    func finish(_ fields: HTTP2Headers = .ok, on stream: HTTP2Stream) -> Bool {
        connection.sendTrailers(adding: fields, on: stream)
    }

    var openStreams: Int { connection.openStreams }
    var deadline: MonotonicTime? { connection.nextDeadline }
    var hasEnded: Bool { connection.hasEnded }
    var outputBytes: Int { connection.outputBytes }
    var bounds: HTTP2Configuration { connection.configuration }

    func takeOutput() -> ByteBuffer {
        let output = connection.takeOutput() ?? ByteBuffer()
        drain()
        return output
    }
}

/// A client and a server that talk to each other in memory.
struct HTTP2Pair {
    let client: HTTP2Side
    let server: HTTP2Side

    init(client: HTTP2Configuration = .init(), server: HTTP2Configuration = .init()) {
        self.client = HTTP2Side(.client, client)
        self.server = HTTP2Side(.server, server)
        exchange()
        _ = self.client.takeEvents()
        _ = self.server.takeEvents()
    }

    /// Carries bytes until neither side has more to say.
    func exchange(now: MonotonicTime = .zero) {
        while true {
            let (up, down) = (client.takeOutput(), server.takeOutput())
            if up.readableBytes + down.readableBytes == 0 { return }
            if up.readableBytes > 0 { server.receive(up, now: now) }
            if down.readableBytes > 0 { client.receive(down, now: now) }
        }
    }
}

extension HTTP2Headers {
    init(_ fields: [(String, String)], indexing: Indexing = .indexed) {
        self.init()
        for (name, value) in fields { append(name: name, value: value, indexing: indexing) }
    }

    static let request = HTTP2Headers([
        (":method", "POST"), (":scheme", "http"), (":path", "/echo.Echo/Say"), (":authority", "localhost"),
        ("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "apus"),
    ])
    static let response = HTTP2Headers([(":status", "200"), ("content-type", "application/grpc")])
    static let ok = HTTP2Headers([("grpc-status", "0")])

    var list: [String] { (0..<count).map { "\(name(at: $0)): \(value(at: $0))" } }
}

extension HTTP2Event {
    /// The event in a line, as transcripts of tests show it.
    var line: String {
        switch self {
        case .headers(let stream, let headers, let end):
            "headers \(stream.id) [\(headers.list.joined(separator: ", "))]\(end ? " end" : "")"
        case .informational(let stream, let headers):
            "informational \(stream.id) [\(headers.list.joined(separator: ", "))]"
        case .data(let stream, let bytes, let end): "data \(stream.id) \(String(buffer: bytes))\(end ? " end" : "")"
        case .trailers(let stream, let headers):
            "trailers \(stream.id) [\(headers.list.joined(separator: ", "))]"
        case .writable(let stream): "writable \(stream.id)"
        case .closed(let stream, let reason): "closed \(stream.id) \(reason)"
        case .settingsChanged: "settings"
        case .pinged: "pinged"
        case .ponged(let opaque): "ponged \(opaque)"
        case .goingAway(let last, let code, let debug): "going away \(last) \(code) \(String(buffer: debug))"
        case .drained: "drained"
        case .failed(let failure): "failed \(failure.code)"
        }
    }
}
