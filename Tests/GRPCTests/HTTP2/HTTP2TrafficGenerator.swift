import ApusPrimitives
import NIOCore

@testable import ApusGRPC

/// A server that answers, driven by frames that a seed chose; without the texts of `ScriptedSide`, because it takes a
/// million of them.
final class GeneratedTraffic {
    /// What a stream is allowed to be told, checked on every event.
    private enum Life { case open, ended, closed }

    private var connection: HTTP2Connection
    private var lives: [UInt32: Life] = [:]
    private(set) var failure: HTTP2Failure?
    /// The first broken promise of the state machine.
    private(set) var fault: String?
    private(set) var resets: [HTTP2ErrorCode] = []
    private(set) var goAways: [HTTP2ErrorCode] = []
    private(set) var frames = 0
    private(set) var pongs = 0
    private(set) var largestOutput = 0

    var random: SeededRandom
    private(set) var nextID: UInt32 = 1
    private var open: [UInt32] = []
    var now = MonotonicTime.zero

    init(seed: UInt64, _ configuration: HTTP2Configuration) {
        random = SeededRandom(seed: seed)
        connection = HTTP2Connection(role: .server, configuration: configuration, now: .zero)
        send(Wire.preface + Wire.settings([(4, 1 << 20)]) + Wire.settingsAck + Wire.windowUpdate(0, 1 << 30), 3)
    }

    var hasEnded: Bool { connection.hasEnded }
    var openStreams: Int { connection.openStreams }

    /// Hands `bytes` in, in one piece or cut somewhere.
    func send(_ bytes: [UInt8], _ count: Int) {
        frames += count
        if bytes.count > 1, random.chance(20) {
            let cut = 1 + random.below(bytes.count - 1)
            connection.receive(ByteBuffer(bytes: bytes[..<cut]), now: now)
            drain()
            connection.receive(ByteBuffer(bytes: bytes[cut...]), now: now)
        } else {
            connection.receive(ByteBuffer(bytes: bytes), now: now)
        }
        drain()
        readOutput()
    }

    private func drain() {
        while let event = connection.nextEvent() {
            switch event {
            case .headers(let stream, _, let end):
                step(stream, from: nil, to: end ? .ended : .open)
                if end { answer(stream) }
            case .data(let stream, let bytes, let end):
                step(stream, from: .open, to: end ? .ended : .open)
                connection.consumed(bytes.readableBytes, on: stream)
                if end { answer(stream) }
            case .trailers(let stream, _):
                step(stream, from: .open, to: .ended)
                answer(stream)
            case .closed(let stream, _):
                if lives[stream.id] == nil || lives[stream.id] == .closed { broken("closed \(stream.id) twice") }
                lives[stream.id] = .closed
            case .failed(let failure):
                if self.failure != nil { broken("failed twice") }
                if connection.openStreams > 0 { broken("failed with open streams") }
                self.failure = failure
            case .informational: broken("1xx at a server")
            default: break
            }
        }
    }

    private func step(_ stream: HTTP2Stream, from: Life?, to: Life) {
        if lives[stream.id] != from {
            broken("stream \(stream.id) goes to \(to) from \(String(describing: lives[stream.id]))")
        }
        if failure != nil { broken("an event after the end") }
        lives[stream.id] = to
    }

    private func broken(_ what: String) {
        if fault == nil { fault = what }
    }

    private func answer(_ stream: HTTP2Stream) {
        connection.sendHeaders(adding: .response, on: stream)
        connection.sendMessage(ByteBuffer(repeating: 7, count: 20), on: stream)
        connection.sendTrailers(adding: .ok, on: stream)
    }

    /// Notes the frames that matter, of all that was written.
    private func readOutput() {
        largestOutput = max(largestOutput, connection.outputBytes)
        while var output = connection.takeOutput() {
            while output.readableBytes > 0 {
                let header = output.withUnsafeReadableBytes { HTTP2FrameHeader($0) }
                output.moveReaderIndex(forwardBy: HTTP2FrameHeader.size)
                let payload = output.readSlice(length: header.length)!
                switch header.type {
                case HTTP2FrameType.resetStream:
                    resets.append(HTTP2ErrorCode(rawValue: payload.getInteger(at: payload.readerIndex)!))
                case HTTP2FrameType.goAway:
                    goAways.append(HTTP2ErrorCode(rawValue: payload.getInteger(at: payload.readerIndex + 4)!))
                case HTTP2FrameType.ping: pongs += 1
                default: break
                }
            }
        }
        drain()
    }

    func takeResets() -> [HTTP2ErrorCode] {
        defer { resets = [] }
        return resets
    }

    // MARK: What an honest client sends

    func sendHonestFrames(_ count: Int) {
        var bytes: [UInt8] = []
        for _ in 0..<count { bytes += honestFrame() }
        send(bytes, count)
    }

    private func honestFrame() -> [UInt8] {
        let kind = random.below(100)
        if open.isEmpty || (kind < 40 && open.count < 50) {
            let (id, end) = (nextID, random.chance(30))
            nextID += 2
            if !end { open.append(id) }
            return Wire.headers(id, end: end)
        }
        let index = random.below(open.count)
        let id = open[index]
        switch kind {
        case ..<65: return Wire.data(id, 1 + random.below(40))
        case ..<85:
            open.remove(at: index)
            return random.chance(50) ? Wire.data(id, random.below(9), end: true) : Wire.headers(id, Wire.trailers)
        case ..<88:
            open.remove(at: index)
            return Wire.reset(id)
        case ..<92: return Wire.ping()
        case ..<95: return Wire.windowUpdate(random.chance(50) ? id : 0, 1 + UInt32(random.below(9)))
        case ..<97: return Wire.priority(id)
        case ..<98: return Wire.frame(0xB0, UInt32(random.below(4)), random.bytes(random.below(9)))
        default: return Wire.frame(0, flags: 8, id, [3] + random.bytes(5) + [0, 0, 0])
        }
    }

    /// `frames` were written for streams 1, 3, … of a fresh connection: as frames for streams that come next here.
    func shift(_ frames: [[UInt8]]) -> [[UInt8]] {
        let base = nextID - 1
        nextID += 8
        return frames.map { frame in
            let id = frame[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard id & 0x7FFF_FFFF != 0 else { return frame }
            return Array(frame[..<5]) + Wire.number(id + base) + Array(frame[9...])
        }
    }

    /// A frame of which everything is left to chance, but for its length, so that the stream of frames goes on.
    func garbageFrame() -> [UInt8] {
        let type = UInt8(random.chance(95) ? random.below(10) : random.below(256))
        let id = random.chance(20) ? 0 : UInt32(random.below(Int(nextID) + 6))
        let payload = random.chance(30) ? Wire.request : random.bytes(random.below(random.chance(95) ? 12 : 300))
        let flags = random.chance(70) ? UInt8([0, 1, 4, 5][random.below(4)]) : UInt8(random.below(256))
        if type == HTTP2FrameType.headers { nextID = max(nextID, (id | 1) + 2) }
        return Wire.frame(type, flags: flags, id, payload)
    }
}
