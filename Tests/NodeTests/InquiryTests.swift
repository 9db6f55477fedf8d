import ApusNode
import ApusPrimitives
import ApusRaft
import NIOPosix
import TestSupport
import Testing

/// Who is to join asks a node what cluster it is in.
@Suite struct InquiryTests {
    private func node(_ about: TCPTransport.Introduction?) async throws -> TCPTransport {
        let transport = try TCPTransport(
            listeningOn: "127.0.0.1:0", cluster: "swifts", settings: .quick, about: about, logger: .silent)
        try await transport.start(as: NodeID(1), on: MultiThreadedEventLoopGroup.singleton.next()) { _ in }
        return transport
    }

    @Test func `a node says what its application says`() async throws {
        let answer = [UInt8](repeating: 7, count: 100_000)
        let node = try await node { $0(answer) }
        #expect(try await TCPTransport.inquire(at: node.boundAddress, settings: .quick) == answer)
        await node.stop()
    }

    @Test func `a node that answers no inquiries refuses them`() async throws {
        let node = try await node(nil)
        let error = await #expect(throws: NodeError.self) {
            try await TCPTransport.inquire(at: node.boundAddress, settings: .quick)
        }
        #expect(error?.code == .wrongPeer)
        #expect(error?.message.contains("no inquiries") == true)
        await node.stop()
    }

    @Test func `a node that does not answer in time is given up`() async throws {
        var settings = TCPTransportSettings.quick
        settings.connectTimeout = .milliseconds(100)
        settings.handshakeTimeout = .milliseconds(100)
        let node = try await node { _ in }
        let error = await #expect(throws: NodeError.self) {
            try await TCPTransport.inquire(at: node.boundAddress, settings: settings)
        }
        #expect(error?.code == .timeout)
        await node.stop()
    }

    @Test func `where nobody listens the connection's error is told`() async throws {
        let port = try await freePorts(1)[0]
        await #expect(throws: (any Error).self) {
            try await TCPTransport.inquire(at: "127.0.0.1:\(port)", settings: .quick)
        }
    }
}
