import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// A client and a server on a wire that cuts and delays, against a naive model: every byte arrives once and in order, no
/// window is passed, every stream closes once, and in the end everything does.
struct HTTP2ModelTests {
    @Test(arguments: UInt64(0)..<60) func everythingArrives(_ seed: UInt64) throws {
        let model = HTTP2Model(seed: seed)
        for step in 0..<400 {
            model.act()
            try #require(model.fault == nil, "seed \(seed), step \(step): \(model.fault ?? "")")
        }
        model.settle()
        try #require(model.fault == nil, "seed \(seed), at the end: \(model.fault ?? "")")
        #expect(model.unfinished == [], "seed \(seed)")
        #expect(model.completed > 0, "seed \(seed)")
    }
}

/// One direction of a connection on the wire, and the windows that a naive reader of its frames computes.
private struct NaiveWire {
    /// Bytes that were written and not delivered.
    var bytes: [UInt8] = []
    private var written: [UInt8] = []
    private var delivered: [UInt8] = []
    private var prefaceLeft: Int
    private var prefaceLeftDelivered: Int
    /// Told by frames that the other direction delivered: what the writer of this one may send.
    var connectionWindow = 65_535
    var initialWindow = 65_535
    var windows: [UInt32: Int] = [:]
    private(set) var fault: String?

    init(fromClient: Bool) {
        prefaceLeft = fromClient ? 24 : 0
        prefaceLeftDelivered = prefaceLeft
    }

    mutating func write(_ output: ByteBuffer) {
        bytes += Array(output.readableBytesView)
        written += Array(output.readableBytesView)
        for (header, _) in Self.frames(&written, &prefaceLeft) where header.type == HTTP2FrameType.data {
            connectionWindow -= header.length
            windows[header.streamID, default: initialWindow] -= header.length
            if header.length > 0, connectionWindow < 0 || windows[header.streamID]! < 0 {
                fault = "DATA beyond a window on \(header.streamID)"
            }
        }
    }

    /// The frames that these bytes complete, on their way to the reader.
    mutating func deliver(_ count: Int) -> ([UInt8], [(HTTP2FrameHeader, [UInt8])]) {
        let piece = Array(bytes.prefix(count))
        bytes.removeFirst(piece.count)
        delivered += piece
        return (piece, Self.frames(&delivered, &prefaceLeftDelivered))
    }

    /// What the reader's frames allow the writer of this direction.
    mutating func allow(_ frames: [(HTTP2FrameHeader, [UInt8])]) {
        for (header, payload) in frames {
            func number(_ at: Int) -> Int { payload[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
            if header.type == HTTP2FrameType.windowUpdate {
                if header.streamID == 0 {
                    connectionWindow += number(0)
                } else {
                    windows[header.streamID, default: initialWindow] += number(0)
                }
            } else if header.type == HTTP2FrameType.settings, !payload.isEmpty {
                for entry in stride(from: 0, to: payload.count, by: 6) where payload[entry + 1] == 4 {
                    let change = number(entry + 2) - initialWindow
                    for id in windows.keys { windows[id]! += change }
                    initialWindow += change
                }
            }
        }
    }

    private static func frames(_ bytes: inout [UInt8], _ preface: inout Int) -> [(HTTP2FrameHeader, [UInt8])] {
        let skipped = min(preface, bytes.count)
        bytes.removeFirst(skipped)
        preface -= skipped
        var (result, at) = ([(HTTP2FrameHeader, [UInt8])](), 0)
        while bytes.count - at >= 9 {
            let header = bytes[at..<at + 9].withUnsafeBytes { HTTP2FrameHeader($0) }
            guard bytes.count - at >= 9 + header.length else { break }
            result.append((header, Array(bytes[at + 9..<at + 9 + header.length])))
            at += 9 + header.length
        }
        bytes.removeFirst(at)
        return result
    }
}

private final class HTTP2Model {
    /// One direction of one stream.
    struct Flow {
        var sent = 0
        var ended = false
        var received = 0
        var unread = 0
        var endSeen = false
        var mayWrite = true
    }

    struct Stream {
        var client: HTTP2Stream
        var server: HTTP2Stream?
        var up = Flow()
        var down = Flow()
        var answered = false
        var wasReset = false
        var closedAtClient = false
        var closedAtServer = false
    }

    private var random: SeededRandom
    private let client: HTTP2Side
    private let server: HTTP2Side
    /// Bytes of a large write: what small windows carry in some hundred rounds.
    private let largest: Int
    private var up = NaiveWire(fromClient: true)
    private var down = NaiveWire(fromClient: false)
    private var streams: [Stream] = []
    private var settling = false
    private(set) var fault: String?

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func configuration() -> HTTP2Configuration {
            var configuration = HTTP2Configuration()
            configuration.streamWindow = [20, 500, 16_384, 65_535, 200_000][random.below(5)]
            configuration.connectionWindow = 65_535
            configuration.maxUnreadBytes = [65_535, 1 << 20][random.below(2)]
            configuration.maxConcurrentStreams = 1 + random.below(20)
            configuration.headerTableSize = [0, 100, 4_096][random.below(3)]
            configuration.streamQueueBytes = 1 + random.below(5_000)
            configuration.outputBytes = 1 + random.below(20_000)
            // Small windows cost more updates than an honest peer would send.
            configuration.limits.windowUpdates = .init(burst: 1 << 30, perSecond: 0)
            return configuration
        }
        client = HTTP2Side(.client, configuration())
        server = HTTP2Side(.server, configuration())
        largest = min(60_000, 100 * min(client.bounds.streamWindow, server.bounds.streamWindow))
        self.random = random
    }

    var completed: Int { streams.filter { $0.up.endSeen && $0.down.endSeen && !$0.wasReset }.count }

    var unfinished: [UInt32] {
        streams.filter { !$0.closedAtClient || ($0.server != nil && !$0.closedAtServer) }.map(\.client.id)
    }

    private func broken(_ what: String) {
        if fault == nil { fault = what }
    }

    // MARK: What happens

    func act() {
        switch random.below(100) {
        case ..<10: open()
        case ..<30: write()
        case ..<45: read(all: false)
        case ..<48: reset()
        default: carry()
        }
    }

    /// No faults any more: everybody reads and ends what they began.
    func settle() {
        settling = true
        for _ in 0..<20_000 where !unfinished.isEmpty && fault == nil {
            read(all: true)
            write()
            carry()
        }
    }

    private func open() {
        guard let stream = try? client.open() else { return }
        streams.append(Stream(client: stream))
    }

    private static func bytes(_ id: UInt32, from: Int, count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (from..<from + count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(id)) })
    }

    private func write() {
        for index in streams.indices where settling || random.chance(30) {
            let id = streams[index].client.id
            if !streams[index].up.ended, !streams[index].closedAtClient, streams[index].up.mayWrite {
                let count = random.below(random.chance(10) ? largest : 500)
                let end = settling || random.chance(20)
                let result = client.connection.sendData(
                    Self.bytes(id, from: streams[index].up.sent, count: count), on: streams[index].client,
                    endStream: end)
                note(result, count, end, &streams[index].up)
            }
            guard let stream = streams[index].server, !streams[index].closedAtServer, !streams[index].down.ended,
                streams[index].down.mayWrite
            else { continue }
            if !streams[index].answered { streams[index].answered = server.respond(on: stream) }
            let count = random.below(random.chance(10) ? largest : 500)
            let result = server.connection.sendData(
                Self.bytes(id, from: streams[index].down.sent, count: count), on: stream)
            // The server ends only what the client has ended, so that nothing is cut off.
            let end = streams[index].up.endSeen && (settling || random.chance(30))
            note(result, count, end, &streams[index].down)
            if end, result != .closed, !server.finish(on: stream) { broken("no trailers on \(id)") }
        }
    }

    private func note(_ result: HTTP2SendResult, _ count: Int, _ end: Bool, _ flow: inout Flow) {
        if result == .closed { return broken("an open stream took no data") }
        flow.sent += count
        flow.ended = flow.ended || end
        if result == .full { flow.mayWrite = false }
    }

    private func read(all: Bool) {
        for index in streams.indices {
            if streams[index].up.unread > 0, let stream = streams[index].server {
                let count = all ? streams[index].up.unread : random.below(streams[index].up.unread + 1)
                streams[index].up.unread -= count
                server.connection.consumed(count, on: stream)
            }
            let count = all ? streams[index].down.unread : random.below(streams[index].down.unread + 1)
            streams[index].down.unread -= count
            client.connection.consumed(count, on: streams[index].client)
        }
    }

    private func reset() {
        guard !streams.isEmpty else { return }
        let index = random.below(streams.count)
        guard !streams[index].closedAtClient, !streams[index].closedAtServer else { return }
        if random.chance(50) {
            client.connection.reset(streams[index].client, .cancel)
        } else if let stream = streams[index].server {
            server.connection.reset(stream, .internalError)
        } else {
            return
        }
        streams[index].wasReset = true
        collect()
    }

    // MARK: The wire

    private func carry() {
        collect()
        let upward = up.deliver(settling ? .max : random.below(30_000))
        down.allow(upward.1)
        server.receive(ByteBuffer(bytes: upward.0))
        collect()
        let downward = down.deliver(settling ? .max : random.below(30_000))
        up.allow(downward.1)
        client.receive(ByteBuffer(bytes: downward.0))
        collect()
        if let fault = up.fault ?? down.fault { broken(fault) }
    }

    private func collect() {
        up.write(client.takeOutput())
        down.write(server.takeOutput())
        for event in client.takeEvents() { hear(event, atClient: true) }
        for event in server.takeEvents() { hear(event, atClient: false) }
    }

    private func hear(_ event: HTTP2Event, atClient: Bool) {
        switch event {
        case .headers(let stream, let fields, let end):
            let index = Int(stream.id / 2)
            if atClient {
                if fields.list != HTTP2Headers.response.list { broken("another response") }
            } else {
                if fields.list != HTTP2Headers.request.list { broken("another request") }
                streams[index].server = stream
            }
            if end { broken("no body") }
        case .data(let stream, let bytes, let end):
            let index = Int(stream.id / 2)
            var flow = atClient ? streams[index].down : streams[index].up
            if bytes != Self.bytes(stream.id, from: flow.received, count: bytes.readableBytes) {
                broken("other bytes on \(stream.id)")
            }
            flow.received += bytes.readableBytes
            flow.unread += bytes.readableBytes
            hearEnd(end, &flow)
            if atClient { streams[index].down = flow } else { streams[index].up = flow }
        case .trailers(let stream, _): hearEnd(true, &streams[Int(stream.id / 2)].down)
        case .writable(let stream):
            let index = Int(stream.id / 2)
            if atClient { streams[index].up.mayWrite = true } else { streams[index].down.mayWrite = true }
        case .closed(let stream, let reason): hearClosed(Int(stream.id / 2), reason, atClient: atClient)
        case .failed(let failure): broken("\(atClient ? "client" : "server"): \(failure)")
        default: break
        }
    }

    private func hearEnd(_ end: Bool, _ flow: inout Flow) {
        guard end else { return }
        if flow.endSeen || !flow.ended || flow.received != flow.sent { broken("an end too early") }
        flow.endSeen = true
    }

    private func hearClosed(_ index: Int, _ reason: HTTP2CloseReason, atClient: Bool) {
        if atClient ? streams[index].closedAtClient : streams[index].closedAtServer { broken("closed twice") }
        if atClient { streams[index].closedAtClient = true } else { streams[index].closedAtServer = true }
        if reason != .completed, reason != .refused, !streams[index].wasReset { broken("closed for \(reason)") }
        if reason == .refused { streams[index].wasReset = true }
    }
}
