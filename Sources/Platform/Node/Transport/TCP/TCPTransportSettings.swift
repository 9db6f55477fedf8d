/// The bounds and times of the connections between nodes.
public struct TCPTransportSettings: Sendable {
    /// Bytes that wait to be sent to one peer; messages beyond are lost. Above `RaftOptions.maximumInflightBytes`.
    public var maximumQueueBytes = 64 << 20
    /// One frame; a connection that announces a larger one is closed. Above `RaftOptions.maximumMessageBytes`,
    /// `snapshotChunkBytes` and `NodeSettings.maximumCommandBytes` by a quarter at least.
    public var maximumFrameBytes = 8 << 20
    /// Connections that peers opened. When there are more, one that has not said who it is gives way, or else the new one.
    public var maximumConnections = 64
    /// From the first byte, or the connection's beginning, until both sides know who the other is.
    public var handshakeTimeout = Duration.seconds(5)
    /// A connection on which nothing that was sent is taken for so long is closed.
    public var sendTimeout = Duration.seconds(10)
    public var connectTimeout = Duration.seconds(2)
    /// The wait after the first attempt to connect that failed; doubled after each further one.
    public var minimumBackoff = Duration.milliseconds(50)
    public var maximumBackoff = Duration.seconds(1)

    /// Nil: no encryption, and whoever can reach the port and knows the cluster's name is a peer.
    public var tls: TCPTransportTLS?

    public init() {}
}
