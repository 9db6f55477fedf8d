import ApusGRPC
import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

/// Attackers on real sockets. Each is answered as it must be, while another connection's calls are answered in time.
@Suite struct AttackTests {
    static let service = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.onLoop(raw: "Large") { _, _ in ByteBuffer(repeating: 7, count: 100_000) }
        service.stream(raw: "Endless") { _, replies, _ in
            while true { try await replies.send(ByteBuffer(repeating: 7, count: 10_000)) }
        }
    }

    /// Runs `attack` while a client calls the same server; every call of it has ten seconds, and some come after the attack's end.
    private func withBystander(
        settings: GRPCServerSettings = GRPCServerSettings(),
        _ attack: @Sendable (RawConnection, _ port: Int, GRPCServer) async throws -> Void, reads: Bool = true
    ) async throws {
        try await withServer([Self.service], settings: settings) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                let calls = Locked(0)
                let isOver = Locked(false)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while !isOver.withLock({ $0 }) {
                            let options = GRPCCallOptions(timeout: .seconds(10))
                            _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(string: "x"), options: options)
                            calls.withLock { $0 += 1 }
                        }
                    }
                    let raw = try await RawConnection.connect(port: port, reads: reads)
                    try await raw.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
                    try await attack(raw, port, server)
                    let before = calls.withLock { $0 }
                    try await eventually { calls.withLock { $0 } > before + 3 }
                    isOver.withLock { $0 = true }
                    try await group.waitForAll()
                    await raw.close()
                }
            }
            try await eventually { server.connectionCount == 0 }
        }
    }

    /// What ends the whole connection, with the code of its GOAWAY.
    private static let fatal: [(name: String, code: UInt32)] = [
        ("rapid reset", 11), ("made to reset", 11), ("settings", 11), ("settings acks", 11), ("ping", 11),
        ("empty data", 11), ("padding", 11), ("continuation", 11), ("hpack bomb", 11), ("tiny windows", 11),
        ("priority", 11), ("unknown", 11), ("late data", 11), ("connection window", 3), ("settings window", 3),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: fatal.map(\.name))
    func `a flood ends its connection and harms no other`(kind: String) async throws {
        let code = Self.fatal.first { $0.name == kind }!.code
        try await withBystander { raw, _, _ in
            // The other side may end the connection in the middle of it.
            try? await raw.send(Self.flood(kind))
            try await raw.waitUntilClosed(within: .seconds(30))
            let goAway = try #require(RawFrames.parse(raw.received).last { $0.type == 7 }, "\(kind)")
            #expect(Array(goAway.payload[4..<8]) == RawFrames.integer(code), "\(kind)")
        }
    }

    private static let path = "/test.Echo/Echo"

    private static func repeated(_ count: UInt32, _ frames: (UInt32) -> [UInt8]) -> [UInt8] {
        (0..<count).flatMap { frames($0 * 2 + 1) }
    }

    static func flood(_ kind: String) -> [UInt8] {
        let open = RawFrames.headers(path, stream: 1)
        switch kind {
        case "rapid reset":
            return repeated(3000) { RawFrames.headers(path, stream: $0) + RawFrames.reset($0, code: 8) }
        case "made to reset":
            return repeated(3000) { RawFrames.headers(path, stream: $0) + RawFrames.window($0, 0) }
        case "settings": return repeated(2000) { _ in RawFrames.settings }
        case "settings acks": return repeated(2000) { _ in RawFrames.settingsAck }
        case "ping": return repeated(5000) { _ in RawFrames.ping() }
        case "empty data": return open + repeated(2000) { _ in RawFrames.frame(0, stream: 1) }
        case "padding": return open + repeated(2000) { _ in RawFrames.frame(0, flags: 8, stream: 1, [1, 0]) }
        case "continuation":
            return RawFrames.frame(1, stream: 1, RawFrames.field(":method", "POST"))
                + repeated(2000) { _ in RawFrames.frame(9, stream: 1, RawFrames.field("x", "y")) }
        case "hpack bomb":
            // A field of 4 KiB enters the table, and is then named by a byte each.
            let value = [UInt8](repeating: 0x61, count: 4_000)
            let planted = [0x40, 1, 0x78, 0x7F, 0xA1, 0x1E] + value
            return RawFrames.headers(path, stream: 1, endStream: true, more: planted)
                + RawFrames.headers(path, stream: 3, more: [UInt8](repeating: 0xBE, count: 10_000))
        case "tiny windows":
            let settings = RawFrames.frame(4, [0, 4] + RawFrames.integer(0))
            return settings + RawFrames.call("/test.Echo/Large", stream: 1, body: [0, 0, 0, 0, 0])
                + repeated(20_000) { _ in RawFrames.window(1, 1) }
        case "priority": return repeated(4000) { RawFrames.frame(2, stream: $0, [0, 0, 0, 0, 1]) }
        case "unknown": return repeated(4000) { _ in RawFrames.frame(0xBB, [1, 2, 3]) }
        case "late data":
            return RawFrames.call(path, stream: 1, body: [0, 0, 0, 0, 0])
                + repeated(10_000) { _ in RawFrames.frame(0, stream: 1, [1]) }
        case "connection window": return RawFrames.window(0, 0x7FFF_FFFF) + RawFrames.window(0, 0x7FFF_FFFF)
        case "settings window":
            return open + RawFrames.window(1, 0x7FFF_0000)
                + RawFrames.frame(4, [0, 4] + RawFrames.integer(0x7FFF_FFFF))
        default: fatalError("no flood \(kind)")  // Safe: the names are in the list above.
        }
    }

    /// What costs its stream only: the connection, and its next call, go on.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [("stream window", 3), ("long list", 11), ("beyond its window", 3)] as [(String, UInt32)])
    func `what breaks one stream leaves its connection`(kind: String, code: UInt32) async throws {
        var settings = GRPCServerSettings()
        settings.http2.streamWindow = 70_000
        try await withBystander(settings: settings) { raw, _, _ in
            // So that the endless answer does not take what the last call needs.
            try await raw.send(RawFrames.window(0, 1 << 30))
            let open = RawFrames.headers("/test.Echo/Endless", stream: 1)
            switch kind {
            case "stream window": try await raw.send(open + RawFrames.window(1, 0x7FFF_FFFF))
            case "long list":
                let fields = (0..<200).flatMap { _ in RawFrames.field("x-long", String(repeating: "y", count: 100)) }
                let block = RawFrames.headers("/test.Echo/Echo", stream: 1, more: fields)
                // In two frames: it is longer than one may be.
                let payload = Array(block[9...])
                try await raw.send(
                    RawFrames.frame(1, stream: 1, Array(payload[..<16_000]))
                        + RawFrames.frame(9, flags: 4, stream: 1, Array(payload[16_000...])))
            default:
                // The settings are acknowledged: from there on the window is 70,000.
                try await raw.send(
                    open + (0..<5).flatMap { _ in RawFrames.frame(0, stream: 1, [UInt8](repeating: 0, count: 16_000)) })
            }
            try await eventually {
                RawFrames.parse(raw.received).contains {
                    $0.type == 3 && $0.stream == 1 && $0.payload == RawFrames.integer(code)
                }
            }
            try await raw.send(RawFrames.call(Self.path, stream: 3, body: [0, 0, 0, 0, 1, 42]))
            try await eventually {
                RawFrames.parse(raw.received).contains { $0.type == 0 && $0.stream == 3 && $0.payload.last == 42 }
            }
            #expect(!raw.isClosed)
        }
    }

    /// Zero windows: what was answered waits, and comes whole when they open.
    @Test(.timeLimit(.minutes(1))) func `windows of zero hold up nobody else, and open again`() async throws {
        try await withBystander { raw, _, _ in
            try await raw.send(RawFrames.frame(4, [0, 4] + RawFrames.integer(0)))
            let streams = (0..<20).map { UInt32($0 * 2 + 1) }
            for stream in streams {
                try await raw.send(RawFrames.call("/test.Echo/Large", stream: stream, body: [0, 0, 0, 0, 0]))
            }
            try await eventually { RawFrames.parse(raw.received).count { $0.type == 1 } == streams.count }
            #expect(!RawFrames.parse(raw.received).contains { $0.type == 0 && !$0.payload.isEmpty })
            try await raw.send(
                RawFrames.window(0, 4_000_000) + RawFrames.frame(4, [0, 4] + RawFrames.integer(200_000)))
            try await eventually {
                let data = RawFrames.parse(raw.received).filter { $0.type == 0 }
                return data.reduce(0) { $0 + $1.payload.count } == streams.count * 100_005
            }
        }
    }

    /// It takes nothing from its socket while a stream and unary answers wait for it: in the end it is cut off.
    @Test(.timeLimit(.minutes(1))) func `a peer that never reads is cut off`() async throws {
        var settings = GRPCServerSettings()
        settings.http2.limits.stalledOutputTimeout = .milliseconds(300)
        try await withBystander(
            settings: settings,
            { raw, _, server in
                let huge =
                    RawFrames.window(0, 0x7000_0000) + RawFrames.frame(4, [0, 4] + RawFrames.integer(0x7FFF_FFFF))
                try await raw.send(huge + RawFrames.headers("/test.Echo/Endless", stream: 1))
                // The bystander's is the other one.
                try await eventually { server.connectionCount == 2 }
                try await eventually { server.connectionCount == 1 }
            }, reads: false)
    }
}
