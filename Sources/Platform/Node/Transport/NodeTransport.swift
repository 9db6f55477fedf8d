public import ApusRaft
public import NIOCore

/// Carries messages between the nodes of a cluster. Over TCP, `TCPTransport`; within a process, `InProcessNetwork`.
///
/// It may lose messages, and says when it lost a connection; it must not alter them, and hands messages of strangers to nobody.
public protocol NodeTransport: Sendable {
    /// Begins to receive. `eventLoop` is that of the node.
    func start(
        as id: NodeID, on eventLoop: any EventLoop, _ events: @escaping @Sendable (NodeTransportEvent) -> Void
    ) async throws

    /// Whom to reach, and where. Called on the event loop whenever that changes.
    func update(peers: [Member])

    /// Sends, or loses. Called on the event loop; does not wait.
    func send(_ messages: [Message])

    /// Ends all connections.
    func stop() async
}

public enum NodeTransportEvent: Sendable {
    case received([Message])
    /// A connection was lost or a queue is full: what was sent last may not have arrived.
    case unreachable(NodeID)
    /// A peer introduced itself with an address, which may be news.
    case met(Member)
}
