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

    /// Whom to reach, and where, and who was removed from the cluster and is to be told so. Called on the event loop whenever
    /// that changes.
    func update(peers: [Member], removed: Set<NodeID>)

    /// Sends, or loses. Called on the event loop; does not wait.
    func send(_ messages: [Message])

    /// Sends a request or an answer, which overtakes messages and is overtaken by them. Called on the event loop; does not wait.
    ///
    /// - Returns: false when it was not sent and never will be. When true, it may be lost all the same.
    func send(_ call: PeerCall) -> Bool

    /// Ends all connections.
    func stop() async
}

public enum NodeTransportEvent: Sendable {
    case received([Message])
    /// A connection was lost or a queue is full: what was sent last may not have arrived.
    case unreachable(NodeID)
    case called([PeerCall])
    /// The connection that carried requests and answers to a peer was lost: some that were sent may not have arrived.
    case callsLost(NodeID)
    /// A peer says that this node was removed from the cluster.
    case removed(by: NodeID, reason: String)
    /// A peer introduced itself with an address, which may be news.
    case met(Member)
}
