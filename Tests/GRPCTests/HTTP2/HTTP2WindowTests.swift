import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// Flow control (RFC 9113, sections 5.2 and 6.9), both ways.
struct HTTP2WindowTests {
    private static func small(_ stream: Int, connection: Int = 65_535, unread: Int = 1 << 20) -> HTTP2Configuration {
        var configuration = HTTP2Configuration()
        configuration.streamWindow = stream
        configuration.connectionWindow = connection
        configuration.maxUnreadBytes = unread
        return configuration
    }

    @Test("6.9.2: a window that settings push below zero is filled first")
    func windowBelowZero() {
        let server = ScriptedSide()
        server.send(Wire.settings([(4, 3)]))
        server.send(Wire.headers(1))
        #expect(server.takeLines().last == "DATA 1 3")
        server.send(Wire.settings([(4, 1)]))
        server.send(Wire.windowUpdate(1, 2))
        #expect(server.takeLines() == ["SETTINGS ack"])
        server.send(Wire.windowUpdate(1, 1))
        #expect(server.takeLines() == ["DATA 1 1"])
    }

    @Test func aStreamsWindowComesBackOnlyWhenItsBytesAreTaken() throws {
        let server = ScriptedSide(.server, Self.small(1_000))
        server.answers = false
        server.send(Wire.headers(1, end: false) + Wire.data(1, 400) + Wire.data(1, 600))
        #expect(server.takeLines() == [])
        let stream = HTTP2Stream(id: 1, slot: 0)
        server.side.connection.consumed(499, on: stream)
        #expect(server.takeLines() == [])
        server.side.connection.consumed(1, on: stream)
        #expect(server.takeLines() == ["WINDOW_UPDATE 1 500"])
        // More than was delivered is not given back.
        server.side.connection.consumed(5_000, on: stream)
        #expect(server.takeLines() == ["WINDOW_UPDATE 1 500"])
        server.send(Wire.data(1, 1_000))
        #expect(server.takeLines() == [])
        server.send(Wire.data(1, 1))
        #expect(server.takeLines() == ["RST_STREAM 1 FLOW_CONTROL_ERROR"])
    }

    @Test("6.9.2: until our settings are acknowledged, a stream has the window that RFC 9113 gives it")
    func windowBeforeTheAcknowledgement() {
        let server = ScriptedSide(.server, Self.small(1_000), greet: false)
        server.answers = false
        server.send(Wire.preface + Wire.settings() + Wire.headers(1, end: false) + Wire.data(1, 16_000))
        #expect(server.takeLines() == ["SETTINGS", "SETTINGS ack"])
        server.send(Wire.settingsAck)
        server.side.connection.consumed(16_000, on: HTTP2Stream(id: 1, slot: 0))
        #expect(server.takeLines() == ["WINDOW_UPDATE 1 16000"])
        server.send(Wire.data(1, 1_000))
        #expect(server.takeLines() == [])
        server.send(Wire.data(1, 1))
        #expect(server.takeLines() == ["RST_STREAM 1 FLOW_CONTROL_ERROR"])
    }

    @Test func whatWaitsInPiecesIsSentWhole() throws {
        let client = ScriptedSide(.client)
        let stream = try client.side.open()
        // The window is used up, and then opened over pieces of all kinds: kept, copied together, in messages.
        client.side.connection.sendData(ByteBuffer(repeating: 0, count: 70_000), on: stream)
        for count in [1, 5_000, 3, 9_000, 4_096] {
            client.side.connection.sendData(ByteBuffer(repeating: 1, count: count), on: stream)
            client.side.connection.sendMessage(ByteBuffer(repeating: 2, count: count), on: stream)
        }
        _ = client.takeLines()
        client.send(Wire.windowUpdate(0, 1 << 20) + Wire.windowUpdate(1, 1 << 20))
        let lines = client.takeLines()
        let sent = lines.map { Int($0.dropFirst(7)) ?? 0 }.reduce(0, +)
        let queued = 70_000 - 65_535 + 2 * 18_100 + 25
        #expect(sent == queued)
    }

    @Test func paddingIsGivenBackAtOnce() {
        let server = ScriptedSide(.server, Self.small(1_000))
        server.answers = false
        server.send(Wire.headers(1, end: false))
        for _ in 0..<20 { server.send(Wire.frame(0, flags: 8, 1, [99, 7] + [UInt8](repeating: 0, count: 99))) }
        #expect(server.takeLines() == Array(repeating: "WINDOW_UPDATE 1 500", count: 4))
    }

    @Test func anUnreadStreamHoldsUpNoOther() {
        let configuration = Self.small(60_000)
        let server = ScriptedSide(.server, configuration)
        server.answers = false
        server.send(Wire.headers(1, end: false))
        for _ in 0..<6 { server.send(Wire.data(1, 10_000)) }
        // Nobody reads stream 1, and the connection's window is there for the others all the same.
        var granted = 65_535 - 60_000
        for id in stride(from: UInt32(3), to: 23, by: 2) {
            server.send(Wire.headers(id, end: false))
            server.send(Wire.data(id, 16_000))
            for line in server.takeLines() where line.hasPrefix("WINDOW_UPDATE 0 ") {
                granted += Int(line.dropFirst(16))!
            }
            granted -= 16_000
            #expect(granted >= 0)
        }
        #expect(!server.side.hasEnded)
    }

    @Test func allUnreadBytesTogetherHaveABound() {
        let configuration = Self.small(60_000, unread: 100_000)
        let server = ScriptedSide(.server, configuration)
        server.answers = false
        var (granted, sent, id) = (65_535, 0, UInt32(1))
        while granted >= 10_000 {
            server.send(Wire.headers(id, end: false) + Wire.data(id, 10_000))
            sent += 10_000
            granted -= 10_000
            id += 2
            for line in server.takeLines() where line.hasPrefix("WINDOW_UPDATE 0 ") {
                granted += Int(line.dropFirst(16))!
            }
        }
        #expect(sent + granted <= 100_000)
        // Streams that are read, or go away, make room again.
        for slot in 0..<Int32(sent / 10_000) {
            let stream = HTTP2Stream(id: UInt32(2 * slot + 1), slot: slot)
            if slot % 2 == 0 {
                server.side.connection.consumed(10_000, on: stream)
            } else {
                server.side.connection.reset(stream, .cancel)
            }
        }
        for line in server.takeLines() where line.hasPrefix("WINDOW_UPDATE 0 ") { granted += Int(line.dropFirst(16))! }
        #expect(granted >= 65_535 / 2)
    }

    @Test("6.9.1: the connection's window is the peer's limit too")
    func connectionWindowIsKept() {
        let server = ScriptedSide(.server, Self.small(1 << 20, unread: 65_535))
        server.answers = false
        server.send(Wire.headers(1, end: false))
        for _ in 0..<4 { server.send(Wire.data(1, 16_000)) }
        #expect(server.takeLines() == [])
        server.send(Wire.data(1, 1_536))
        #expect(server.takeLines() == ["GOAWAY 1 FLOW_CONTROL_ERROR"])
    }

    @Test func aWriterIsToldToStopAndToGoOn() throws {
        let pair = HTTP2Pair(server: Self.small(1_000))
        let stream = try pair.client.open()
        let piece = String(repeating: "x", count: 30_000)
        #expect(pair.client.send(piece, on: stream) == .accepted)
        #expect(pair.client.send(piece, on: stream) == .accepted)
        #expect(pair.client.send(piece, on: stream) == .full)
        pair.exchange()
        var (taken, events) = (0, [HTTP2Event]())
        for _ in 0..<200 where taken < 90_000 {
            for case .data(let stream, let bytes, _) in pair.server.takeEvents() {
                taken += bytes.readableBytes
                pair.server.connection.consumed(bytes.readableBytes, on: stream)
            }
            pair.exchange()
            events += pair.client.takeEvents()
        }
        #expect(taken == 90_000)
        #expect(events.map(\.line) == ["writable 1"])
    }

    @Test func streamsTakeTurns() throws {
        let client = ScriptedSide(.client)
        client.send(Wire.settings([(4, 1 << 20)]))
        let streams = try (0..<3).map { _ in try client.side.open() }
        let piece = ByteBuffer(repeating: 1, count: 40_000)
        for stream in streams { client.side.connection.sendData(piece, on: stream, endStream: true) }
        let lines = client.takeLines().filter { $0.hasPrefix("DATA") }
        #expect(
            lines == [
                "DATA 1 16384", "DATA 3 16384", "DATA 5 16384", "DATA 1 16383",
            ])
        client.send(Wire.windowUpdate(0, 1 << 20))
        #expect(
            client.takeLines() == [
                "DATA 3 16384", "DATA 5 16384", "DATA 1 7233 end", "DATA 3 7232 end", "DATA 5 7232 end",
            ])
    }

    @Test func outputIsBoundedAndTheRestWaits() throws {
        let client = ScriptedSide(.client)
        client.send(Wire.settings([(4, 1 << 24)]) + Wire.windowUpdate(0, 1 << 24))
        let stream = try client.side.open()
        #expect(client.side.send(String(repeating: "x", count: 1 << 20), on: stream) == .full)
        client.settle()
        let bound = client.side.bounds.outputBytes
        #expect(client.side.outputBytes >= bound)
        #expect(client.side.outputBytes < bound + 16_384 + 18)
        #expect(client.takeLines().filter { $0.hasPrefix("DATA") }.count == 64)
    }

    @Test func whatAPeerCausesWithoutReadingStopsTheInput() {
        var configuration = HTTP2Configuration()
        configuration.limits.pings = .init(burst: 1_000_000, perSecond: 0)
        let server = ScriptedSide(.server, configuration)
        while server.side.connection.wantsInput, !server.side.hasEnded { server.send(Wire.ping()) }
        let bound = 4 * server.side.bounds.outputBytes
        #expect(server.side.outputBytes > bound && server.side.outputBytes < bound + 1_000)
        server.side.connection.tick(now: MonotonicTime(nanoseconds: 29_000_000_000))
        #expect(!server.side.hasEnded)
        server.side.connection.tick(now: MonotonicTime(nanoseconds: 30_000_000_000))
        #expect(server.takeEvents().last == "failed ENHANCE_YOUR_CALM")
    }
}
