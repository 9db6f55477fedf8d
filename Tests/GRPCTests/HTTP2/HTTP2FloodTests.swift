import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// Each flood runs into its bound, neither before nor long after it; what is honest does not.
struct HTTP2FloodTests {
    struct Flood: Sendable, CustomTestStringConvertible {
        let name: String
        let limit: any WritableKeyPath<HTTP2Limits, HTTP2Limits.Rate> & Sendable
        /// What is sent the n-th time, on streams from `base` on; the first time, it may open one for all.
        let frames: @Sendable (_ number: Int, _ base: UInt32) -> [UInt8]

        init(
            _ name: String, _ limit: any WritableKeyPath<HTTP2Limits, HTTP2Limits.Rate> & Sendable,
            _ frames: @escaping @Sendable (Int, UInt32) -> [UInt8]
        ) {
            (self.name, self.limit, self.frames) = (name, limit, frames)
        }

        var testDescription: String { name }
    }

    private static func onOne(_ frame: @escaping @Sendable (UInt32) -> [UInt8]) -> @Sendable (Int, UInt32) -> [UInt8] {
        { number, base in (number == 0 ? Wire.headers(base, end: false) : []) + frame(base) }
    }

    private static func onNew(_ frame: @escaping @Sendable (UInt32) -> [UInt8]) -> @Sendable (Int, UInt32) -> [UInt8] {
        { number, base in frame(base + UInt32(2 * number)) }
    }

    static let floods: [Flood] = [
        Flood("rapid reset", \.resets, onNew { Wire.headers($0, end: false) + Wire.reset($0) }),
        Flood("streams that break a rule", \.resets, onNew { Wire.headers($0, end: false) + Wire.windowUpdate($0, 0) }),
        Flood("requests that break a rule", \.resets, onNew { Wire.headers($0, Wire.trailers) }),
        Flood("SETTINGS", \.settings) { _, _ in Wire.settings([(4, 9)]) },
        Flood("acknowledgements of SETTINGS", \.settings) { _, _ in Wire.settingsAck },
        Flood("GOAWAY", \.settings) { _, _ in Wire.goAway(0) },
        Flood("PING", \.pings) { _, _ in Wire.ping() },
        Flood("answers to PING", \.pings) { _, _ in Wire.ping(ack: true) },
        Flood("empty DATA", \.emptyData, onOne { Wire.data($0, 0) }),
        Flood("DATA of padding", \.emptyData, onOne { Wire.frame(0, flags: 8, $0, [1, 0]) }),
        Flood("WINDOW_UPDATE of the connection", \.windowUpdates) { _, _ in Wire.windowUpdate(0, 1) },
        Flood("WINDOW_UPDATE of a stream", \.windowUpdates, onOne { Wire.windowUpdate($0, 1) }),
        Flood("PRIORITY", \.ignored) { _, base in Wire.priority(base) },
        Flood("unknown frames", \.ignored) { _, _ in Wire.frame(0xBB, 0, [1, 2, 3]) },
        Flood("DATA on a closed stream", \.late) { $0 == 0 ? Wire.headers($1) : Wire.data($1, 1) },
        Flood("RST_STREAM on a closed stream", \.late) { $0 == 0 ? Wire.headers($1) : Wire.reset($1) },
    ]

    @Test(arguments: floods) func runsIntoItsBound(_ flood: Flood) {
        var configuration = HTTP2Configuration()
        configuration.limits[keyPath: flood.limit] = .init(burst: 50, perSecond: 10)
        let server = ScriptedSide(.server, configuration)
        var now = MonotonicTime.zero
        // The preface took some of it.
        for number in 0..<40 { server.send(flood.frames(number, 1), now: now) }
        #expect(!server.takeLines().contains { $0.hasPrefix("GOAWAY") }, "within the bound")
        // Ten a second are let through for as long as one likes.
        for number in 40..<80 {
            now = now + .milliseconds(101)
            server.send(flood.frames(number, 1), now: now)
        }
        #expect(!server.side.hasEnded, "within the rate")
        for number in 80..<200 where !server.side.hasEnded { server.send(flood.frames(number, 1), now: now) }
        #expect(server.takeLines().last?.hasSuffix("ENHANCE_YOUR_CALM") == true)
        #expect(server.takeEvents().last == "failed ENHANCE_YOUR_CALM")
    }

    @Test func aBlockInManyFrames() {
        let server = ScriptedSide()
        server.send(Wire.headers(1, [], whole: false))
        for _ in 0..<16 { server.send(Wire.continuation(1, [], whole: false)) }
        #expect(server.takeLines() == [])
        server.send(Wire.continuation(1, [], whole: false))
        #expect(server.takeLines() == ["GOAWAY 0 ENHANCE_YOUR_CALM"])
    }

    @Test func aLongBlock() {
        let server = ScriptedSide()
        let part = [UInt8](repeating: 0x82, count: 16_384)
        server.send(Wire.headers(1, part, whole: false))
        for _ in 0..<3 { server.send(Wire.continuation(1, part, whole: false)) }
        #expect(server.takeLines() == [])
        server.send(Wire.continuation(1, [0x82], whole: false))
        #expect(server.takeLines() == ["GOAWAY 0 ENHANCE_YOUR_CALM"])
    }

    @Test func aLongListResetsItsStreamOnly() {
        let server = ScriptedSide()
        server.send(Wire.headers(1, Wire.request(with: [("x", String(repeating: "y", count: 15_000))])))
        #expect(server.takeLines().last == "DATA 1 5 end")
        let fields = (0..<4).map { _ in ("x", String(repeating: "y", count: 4_050)) }
        let block = Wire.request(with: fields)
        server.send(
            Wire.headers(3, Array(block[..<10_000]), whole: false) + Wire.continuation(3, Array(block[10_000...])))
        #expect(server.takeLines() == ["RST_STREAM 3 ENHANCE_YOUR_CALM"])
        server.send(Wire.headers(5, Wire.request(with: (0..<300).map { _ in ("x", "") })))
        #expect(server.takeLines() == ["RST_STREAM 5 ENHANCE_YOUR_CALM"])
        server.send(Wire.headers(7))
        #expect(server.takeLines().last == "DATA 7 5 end")
    }

    @Test("A field of 4 KiB enters the table once and is named 10,000 times")
    func bomb() {
        let server = ScriptedSide()
        let value = [UInt8](repeating: 0x61, count: 4_000)
        server.send(Wire.headers(1, Wire.request + [0x40, 1, 0x78, 0x7F, 0xA1, 0x1E] + value))
        #expect(server.takeLines().last == "DATA 1 5 end")
        server.send(Wire.headers(3, Wire.request + [UInt8](repeating: 0xBE, count: 10_000)))
        #expect(server.takeLines() == ["GOAWAY 3 ENHANCE_YOUR_CALM"] || server.side.hasEnded)
    }

    @Test func manyEntriesOfSettings() {
        let server = ScriptedSide()
        server.send(Wire.settings((0..<64).map { _ in (0x99, 1) }))
        #expect(server.takeLines() == ["SETTINGS ack"])
        server.send(Wire.settings((0..<65).map { _ in (0x99, 1) }))
        #expect(server.takeLines() == ["GOAWAY 0 ENHANCE_YOUR_CALM"])
    }

    @Test("5.1.2: streams beyond the limit are refused, and the others go on")
    func tooManyStreams() {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 10
        let server = ScriptedSide(.server, configuration)
        for number in 0..<12 { server.send(Wire.headers(UInt32(2 * number + 1), end: false)) }
        #expect(server.takeLines() == ["RST_STREAM 21 REFUSED_STREAM", "RST_STREAM 23 REFUSED_STREAM"])
        server.send(Wire.data(1, 1, end: true) + Wire.headers(25))
        #expect(server.takeLines().last == "DATA 25 5 end")
    }

    @Test func honestTrafficNeverRunsIntoABound() {
        let server = ScriptedSide()
        server.send(Wire.settings([(4, 100)]))
        // 6,000 calls at one moment: each with a ping for the bandwidth, and its windows given back in two steps.
        for number in 0..<6_000 {
            let id = UInt32(2 * number + 1)
            server.send(Wire.headers(id, end: false) + Wire.data(id, 100, end: true) + Wire.ping())
            server.send(Wire.windowUpdate(0, 5) + Wire.windowUpdate(id, 5))
            if number % 100 == 0 { _ = server.takeLines() }
        }
        #expect(server.takeLines().last == "DATA 11999 5 end" || server.takeLines().isEmpty)
        #expect(!server.side.hasEnded)
    }

    @Test func whoReadsAStreamMayMeasureTheBandwidth() {
        let server = ScriptedSide()
        server.answers = false
        server.send(Wire.headers(1))
        let stream = HTTP2Stream(id: 1, slot: 0)
        #expect(server.side.respond(on: stream))
        for _ in 0..<2_000 {
            #expect(server.side.send("news", on: stream) == .accepted)
            server.send(Wire.ping() + Wire.windowUpdate(1, 4) + Wire.windowUpdate(0, 4))
            _ = server.takeLines()
        }
        #expect(!server.side.hasEnded)
    }

    @Test func windowsOfAByteEarnNothing() {
        let server = ScriptedSide()
        server.send(Wire.settings([(4, 0)]) + Wire.headers(1))
        let response = ByteBuffer(repeating: 1, count: 50_000)
        server.answers = false
        server.send(Wire.headers(3))
        let stream = HTTP2Stream(id: 3, slot: 1)
        #expect(server.side.respond(on: stream))
        server.side.connection.sendData(response, on: stream, endStream: true)
        for _ in 0..<50_000 where !server.side.hasEnded {
            server.send(Wire.windowUpdate(3, 1))
            _ = server.takeLines()
        }
        #expect(server.takeEvents().last == "failed ENHANCE_YOUR_CALM")
    }
}
