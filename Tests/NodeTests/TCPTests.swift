import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite struct TCPTests {
    /// A transport on a free port, started; what it receives is kept.
    final class Peer: Sendable {
        let id: NodeID
        let transport: TCPTransport
        let received = Locked<[Message]>([])
        let met = Locked<[Member]>([])
        let removals = Locked<[String]>([])

        init(_ id: UInt64, cluster: String = "test", settings: TCPTransportSettings = .quick, logger: Logger = .silent)
            throws
        {
            self.id = NodeID(id)
            transport = try TCPTransport(
                listeningOn: "127.0.0.1:0", cluster: cluster, settings: settings, logger: logger)
        }

        func start() async throws -> Member {
            try await transport.start(as: id, on: Self.loop) { event in
                switch event {
                case .received(let messages): self.received.withLock { $0 += messages }
                case .met(let member): self.met.withLock { $0.append(member) }
                case .removed(let peer, let reason): self.removals.withLock { $0.append("\(peer): \(reason)") }
                case .unreachable, .called, .callsLost: break
                }
            }
            return Member(id, at: try await transport.boundAddress)
        }

        func update(_ peers: Member..., removed: Set<NodeID> = []) async throws {
            try await Self.loop.submit { self.transport.update(peers: peers, removed: removed) }.get()
        }

        func send(_ bodies: Message.Body..., to: UInt64) async throws {
            let messages = bodies.map { Message(from: id, to: NodeID(to), term: Term(1), body: $0) }
            try await Self.loop.submit { self.transport.send(messages) }.get()
        }

        var link: TCPLinkStatus? {
            get async { await transport.links.first }
        }

        var rounds: [UInt64] {
            received.withLock { messages in
                messages.compactMap { if case .heartbeatAnswer(let round) = $0.body { round } else { nil } }
            }
        }

        static let loop = MultiThreadedEventLoopGroup.singleton.next()
    }

    @Test func `messages arrive in order, and snapshots on a connection of their own`() async throws {
        let (one, two) = (try Peer(1), try Peer(2))
        let (first, second) = (try await one.start(), try await two.start())
        try await one.update(second)
        try await eventually { await one.link?.isConnected == true }
        #expect(two.met.withLock { $0 } == [first])
        for round in 0..<100 as Range<UInt64> { try await one.send(.heartbeatAnswer(round: round), to: 2) }
        let chunk = SnapshotChunk(
            snapshot: SnapshotMetadata(
                index: LogIndex(9), term: Term(1), configuration: Configuration(voters: [NodeID(1)])),
            source: NodeID(1), offset: 0, bytes: Bytes([UInt8](repeating: 7, count: 1 << 20)), isLast: true)
        try await one.send(.snapshot(chunk), to: 2)
        try await eventually { two.received.withLock { $0.count } == 101 }
        #expect(two.rounds == Array(0..<100))
        #expect(two.received.withLock { $0.contains { $0.body == .snapshot(chunk) } })
        await one.transport.stop()
        await two.transport.stop()
    }

    @Test func `a lost connection comes back by itself`() async throws {
        let one = try Peer(1)
        _ = try await one.start()
        var two = try Peer(2)
        let address = try await two.start()
        try await one.update(address)
        try await eventually { await one.link?.isConnected == true }
        await two.transport.stop()
        try await eventually { await one.link?.isConnected == false }
        // Lost, and counted.
        try await one.send(.heartbeatAnswer(round: 1), to: 2)
        #expect(await one.link?.lost == 1)
        two = try Peer(2)
        let moved = try await two.start()
        try await one.update(moved)
        try await eventually {
            try await one.send(.heartbeatAnswer(round: 2), to: 2)
            return two.rounds.contains(2)
        }
        await one.transport.stop()
        await two.transport.stop()
    }

    @Test func `who is not meant is refused, and told why`() async throws {
        let (server, stranger, namesake) = (try Peer(1), try Peer(2, cluster: "other"), try Peer(1))
        let address = try await server.start()
        _ = try await stranger.start()
        _ = try await namesake.start()
        try await stranger.update(address)
        try await eventually { await stranger.link?.lastError == "this is cluster 'test', not 'other'" }
        try await stranger.update(Member(NodeID(9), at: address.address))
        try await eventually { await stranger.link?.lastError == "this is cluster 'test', not 'other'" }
        try await namesake.update(Member(NodeID(9), at: address.address))
        try await eventually { await namesake.link?.lastError == "this is node 1, not node 9" }
        try await namesake.update(address)
        try await eventually { await namesake.link?.lastError == "there are two nodes 1" }
        #expect(server.met.withLock { $0.isEmpty })
        for peer in [server, stranger, namesake] { await peer.transport.stop() }
    }

    @Test func `who was removed is told so, when it comes and when it is there`() async throws {
        let (one, two) = (try Peer(1), try Peer(2))
        let address = try await one.start()
        _ = try await two.start()
        try await two.update(address)
        try await eventually { await two.link?.isConnected == true }
        try await one.update(removed: [NodeID(2)])
        try await eventually { two.removals.withLock { $0.first } == "1: node 2 was removed from cluster 'test'" }
        #expect(await two.link?.isConnected == false)
        let (three, third) = (try Peer(3), NodeID(3))
        _ = try await three.start()
        try await three.update(address)
        try await eventually { await three.link?.isConnected == true }
        #expect(one.met.withLock { $0.contains { $0.id == third } })
        #expect(three.removals.withLock { $0.isEmpty })
        for peer in [one, two, three] { await peer.transport.stop() }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `nonsense ends its connection and harms nobody`(_ seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        var hasty = TCPTransportSettings.quick
        hasty.handshakeTimeout = .milliseconds(300)
        let (one, two) = (try Peer(1, settings: hasty), try Peer(2))
        let address = try await one.start()
        _ = try await two.start()
        try await two.update(address)
        try await eventually { await two.link?.isConnected == true }
        let connection = try await RawConnection.connect(
            port: try #require(Int(address.address.split(separator: ":")[1])))
        var bytes = (0..<Int.random(in: 1...3_000, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        // Half of them begin as a frame does.
        if seed % 2 == 0 { bytes = [UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8), 0, 0] + bytes }
        try? await connection.send(bytes)
        // What is too short to be judged ends with the time for the greeting.
        try await connection.waitUntilClosed()
        try await two.send(.heartbeatAnswer(round: seed), to: 1)
        try await eventually { one.rounds == [seed] }
        await one.transport.stop()
        await two.transport.stop()
    }

    @Test func `damage after the greeting ends the connection, and nothing of it is received`() async throws {
        let one = try Peer(1)
        let address = try await one.start()
        let port = try #require(Int(address.address.split(separator: ":")[1]))
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let connection = try await RawConnection.connect(port: port)
            try await connection.send(frame(Hello.sample))
            try await eventually { !connection.received.isEmpty }
            let message = Message(from: NodeID(2), to: NodeID(1), term: Term(1), body: .heartbeatAnswer(round: 5))
            var bytes = frame(message.encoded())
            bytes[Int.random(in: 4..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
            try await connection.send(bytes)
            try await connection.waitUntilClosed()
        }
        // Of somebody else's name, and too large.
        for content in [
            frame(Message(from: NodeID(3), to: NodeID(1), term: Term(1), body: .timeoutNow).encoded()),
            [0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0],
        ] {
            let connection = try await RawConnection.connect(port: port)
            try await connection.send(frame(Hello.sample))
            try await connection.send(content)
            try await connection.waitUntilClosed()
        }
        #expect(one.received.withLock { $0.isEmpty })
        await one.transport.stop()
    }

    @Test func `a queue is bounded, and a peer that takes nothing is let go`() async throws {
        var settings = TCPTransportSettings.quick
        settings.maximumQueueBytes = 2 << 20
        settings.sendTimeout = .milliseconds(300)
        let one = try Peer(1, settings: settings)
        _ = try await one.start()
        // A peer that greets and then reads no more.
        let silent = try await SilentPeer.listen()
        try await one.update(Member(NodeID(2), at: "127.0.0.1:\(silent.port)"))
        try await eventually { await one.link?.isConnected == true }
        let bulk = Message.Body.proposal([Bytes([UInt8](repeating: 1, count: 256 << 10))])
        for _ in 0..<200 { try await one.send(bulk, to: 2) }
        let link = try #require(await one.link)
        #expect(link.queuedBytes <= 2 << 20)
        #expect(link.lost > 0)
        try await eventually {
            try await one.send(bulk, to: 2)
            return await one.link?.lastError?.hasPrefix("nothing was taken") == true
        }
        await one.transport.stop()
        try await silent.stop()
    }

    @Test func `connections are bounded`() async throws {
        var settings = TCPTransportSettings.quick
        settings.maximumConnections = 3
        let one = try Peer(1, settings: settings)
        let port = try #require(Int(try await one.start().address.split(separator: ":")[1]))
        var peers: [RawConnection] = []
        for id in 2...4 as ClosedRange<UInt64> {
            let peer = try await RawConnection.connect(port: port)
            try await peer.send(frame(Hello.from(id)))
            try await eventually { !peer.received.isEmpty }
            peers.append(peer)
        }
        let further = try await RawConnection.connect(port: port)
        try await further.waitUntilClosed()
        #expect(further.receivedText.contains("this node has 3 connections"))
        await peers[0].close()
        try await eventually {
            let next = try await RawConnection.connect(port: port)
            try await next.send(frame(Hello.from(5)))
            try await eventually { !next.received.isEmpty || next.isClosed }
            return !next.receivedText.contains("connections")
        }
        for peer in peers.dropFirst() { #expect(!peer.isClosed) }
        await one.transport.stop()
    }

    @Test func `a thousand idle connections keep no peer out`() async throws {
        var settings = TCPTransportSettings.quick
        settings.maximumConnections = 8
        settings.handshakeTimeout = .seconds(600)
        let (one, two) = (try Peer(1, settings: settings), try Peer(2))
        let address = try await one.start()
        _ = try await two.start()
        let port = try #require(Int(address.address.split(separator: ":")[1]))
        var idle: [RawConnection] = []
        for _ in 0..<1_000 { idle.append(try await RawConnection.connect(port: port)) }
        try await eventually { idle.count { !$0.isClosed } <= 8 }
        try await two.update(address)
        try await eventually { await two.link?.isConnected == true }
        for _ in 0..<20 { idle.append(try await RawConnection.connect(port: port)) }
        try await two.send(.heartbeatAnswer(round: 1), to: 1)
        try await eventually { one.rounds == [1] }
        #expect(await two.link?.isConnected == true)
        for connection in idle { await connection.close() }
        await one.transport.stop()
        await two.transport.stop()
    }
}

extension TCPTransportSettings {
    static var quick: TCPTransportSettings {
        var settings = TCPTransportSettings()
        settings.minimumBackoff = .milliseconds(2)
        settings.maximumBackoff = .milliseconds(10)
        // What is lost with a connection that a busy machine was late for, no test sends again.
        settings.connectTimeout = .seconds(30)
        settings.handshakeTimeout = .seconds(30)
        return settings
    }
}

/// The bytes of a frame.
func frame(_ content: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt32(content.count))
    writer.write(CRC32C.checksum(content))
    writer.write(raw: content)
    return writer.bytes
}

enum Hello {
    static var sample: [UInt8] { from(2) }

    /// To node 1 of the cluster "test".
    static func from(_ id: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: Array("ApusRaft".utf8))
        writer.write(1 as UInt8)
        writer.write(1 as UInt8)
        writer.writeVariable(id)
        writer.writeVariable(1 as UInt64)
        writer.write("test")
        writer.write("127.0.0.1:1")
        return writer.bytes
    }
}
