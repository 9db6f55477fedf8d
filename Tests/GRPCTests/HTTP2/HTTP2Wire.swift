import ApusPrimitives
import NIOCore

@testable import ApusGRPC

/// Frames as tests write them, right or wrong.
enum Wire {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func frame(
        _ type: UInt8, flags: UInt8 = 0, _ id: UInt32, _ payload: [UInt8] = [], length: Int? = nil
    ) -> [UInt8] {
        // Written for a debug build, which the million frames of a test run in.
        var frame: [UInt8] = []
        frame.reserveCapacity(HTTP2FrameHeader.size + payload.count)
        append(UInt32(length ?? payload.count) << 8 | UInt32(type), to: &frame)
        frame.append(flags)
        append(id, to: &frame)
        frame.append(contentsOf: payload)
        return frame
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 24))
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    static func number(_ value: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return bytes
    }

    static func data(_ id: UInt32, _ count: Int, end: Bool = false) -> [UInt8] {
        frame(HTTP2FrameType.data, flags: end ? 1 : 0, id, [UInt8](repeating: 0x64, count: count))
    }

    static func headers(_ id: UInt32, _ block: [UInt8] = Self.request, end: Bool = true, whole: Bool = true) -> [UInt8]
    {
        frame(HTTP2FrameType.headers, flags: (end ? 1 : 0) | (whole ? 4 : 0), id, block)
    }

    static func continuation(_ id: UInt32, _ block: [UInt8], whole: Bool = true) -> [UInt8] {
        frame(HTTP2FrameType.continuation, flags: whole ? 4 : 0, id, block)
    }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
        let payload = entries.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] + number($1) }
        return frame(HTTP2FrameType.settings, 0, payload)
    }

    static let settingsAck = frame(HTTP2FrameType.settings, flags: 1, 0)

    static func ping(_ payload: [UInt8] = Array("apusapus".utf8), ack: Bool = false) -> [UInt8] {
        frame(HTTP2FrameType.ping, flags: ack ? 1 : 0, 0, payload)
    }

    static func reset(_ id: UInt32, _ code: UInt32 = 8) -> [UInt8] {
        frame(HTTP2FrameType.resetStream, id, number(code))
    }

    static func windowUpdate(_ id: UInt32, _ increment: UInt32) -> [UInt8] {
        frame(HTTP2FrameType.windowUpdate, id, number(increment))
    }

    static func goAway(_ last: UInt32, _ code: UInt32 = 0, _ debug: String = "") -> [UInt8] {
        frame(HTTP2FrameType.goAway, 0, number(last) + number(code) + Array(debug.utf8))
    }

    static func priority(_ id: UInt32, dependsOn other: UInt32 = 0) -> [UInt8] {
        frame(HTTP2FrameType.priority, id, number(other) + [1])
    }

    /// A field block that uses no table.
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + HPACKDecoderTests.string($0, false) + HPACKDecoderTests.string($1, false) }
    }

    static let requestFields = [
        (":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "localhost"),
    ]
    static let request = block(requestFields)
    static let response = block([(":status", "200")])
    static let trailers = block([("grpc-status", "0")])

    static func request(with fields: [(String, String)]) -> [UInt8] { block(requestFields + fields) }
}

/// What a side wrote, a line for each frame.
struct WireReader {
    private var decoder = TestDecoder()
    private var rest = ByteBuffer()
    private(set) var lines: [String] = []

    mutating func read(_ bytes: ByteBuffer) {
        rest.writeImmutableBuffer(bytes)
        if rest.readableBytes >= 24, rest.getBytes(at: rest.readerIndex, length: 24) == Wire.preface {
            rest.moveReaderIndex(forwardBy: 24)
            lines.append("preface")
        }
        while rest.readableBytes >= 9 {
            let header = rest.withUnsafeReadableBytes { HTTP2FrameHeader($0) }
            guard rest.readableBytes >= 9 + header.length else { return }
            rest.moveReaderIndex(forwardBy: 9)
            lines.append(line(header, rest.readBytes(length: header.length)!))
        }
    }

    mutating func takeLines() -> [String] {
        defer { lines = [] }
        return lines
    }

    private func line(_ header: HTTP2FrameHeader, _ payload: [UInt8]) -> String {
        let (id, end) = (header.streamID, header.has(HTTP2Flags.endStream) ? " end" : "")
        func code(_ at: Int) -> String { "\(HTTP2ErrorCode(rawValue: number(at)))" }
        func number(_ at: Int) -> UInt32 { payload[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        switch header.type {
        case HTTP2FrameType.data: return "DATA \(id) \(payload.count)\(end)"
        case HTTP2FrameType.headers:
            guard header.has(HTTP2Flags.endHeaders) else { return "HEADERS \(id) part\(end)" }
            let fields = try? decoder.decode(payload)
            return "HEADERS \(id) [\(fields?.joined(separator: ", ") ?? "?")]\(end)"
        case HTTP2FrameType.continuation: return "CONTINUATION \(id)"
        case HTTP2FrameType.settings: return header.has(HTTP2Flags.ack) ? "SETTINGS ack" : "SETTINGS"
        case HTTP2FrameType.ping: return header.has(HTTP2Flags.ack) ? "PING ack" : "PING"
        case HTTP2FrameType.goAway: return "GOAWAY \(number(0)) \(code(4))"
        case HTTP2FrameType.resetStream: return "RST_STREAM \(id) \(code(0))"
        case HTTP2FrameType.windowUpdate: return "WINDOW_UPDATE \(id) \(number(0))"
        default: return "type \(header.type)"
        }
    }
}

/// A side under test whose peer is written by hand. A server answers every request with `hello`.
final class ScriptedSide {
    let side: HTTP2Side
    private var reader = WireReader()
    var answers = true
    private(set) var events: [String] = []

    init(_ role: HTTP2Role = .server, _ configuration: HTTP2Configuration = .init(), greet: Bool = true) {
        side = HTTP2Side(role, configuration)
        guard greet else { return }
        if role == .server { send(Wire.preface) }
        send(Wire.settings())
        send(Wire.settingsAck)
        _ = takeLines()
        events = []
    }

    func send(_ bytes: [UInt8], now: MonotonicTime = .zero) {
        side.connection.receive(ByteBuffer(bytes: bytes), now: now)
        settle()
    }

    func settle() {
        while let event = side.connection.nextEvent() {
            events.append(event.line)
            guard answers, side.connection.role == .server else { continue }
            switch event {
            case .headers(let stream, _, true), .data(let stream, _, true), .trailers(let stream, _):
                _ = side.respond(HTTP2Headers([(":status", "200")]), on: stream)
                _ = side.send("hello", on: stream, endStream: true)
            case .data(let stream, let bytes, false): side.connection.consumed(bytes.readableBytes, on: stream)
            default: break
            }
        }
    }

    /// The frames that were written since the last call.
    func takeLines() -> [String] {
        while let output = side.connection.takeOutput() { reader.read(output) }
        settle()
        return reader.takeLines()
    }

    func takeEvents() -> [String] {
        settle()
        defer { events = [] }
        return events
    }
}
