import ApusGRPC
public import NIOCore
public import NIOSSL

/// How a client of a control plane connects, and how long it tries.
public struct EtcdClientSettings: Sendable {
    /// Who asks, where the control plane wants to know.
    public struct User: Sendable {
        public var name: String
        public var password: String

        public init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// For endpoints with `https`; nil for the roots of the system and no certificate of one's own.
    public var tls: TLSConfiguration?
    /// What the certificate of a member must be for; nil for the host of its endpoint.
    public var serverName: String?
    public var user: User?
    /// A call ends after this, all its attempts together; the earlier of this and `Deadline.current` counts.
    public var callTimeout: Duration = .seconds(5)
    /// One attempt to connect to one endpoint.
    public var dialTimeout: Duration = .seconds(2)
    /// For so long a call goes on trying when no endpoint takes connections; `zero` tries each once.
    public var patience: Duration = .seconds(5)
    /// For so long watches go on while no endpoint serves them, before they end with `.unavailable`.
    public var watchPatience: Duration = .seconds(10)
    /// Ask members without a leader for an error at once, so that the next one is asked.
    public var requiresLeader = true
    /// Begin with any of the endpoints, so that the clients of a cluster spread; else with the first.
    public var startsAnywhere = true
    /// A member that is silent for so long while a call waits is pinged. Etcd refuses less than 5 seconds.
    public var keepaliveInterval: Duration = .seconds(10)
    /// … and its connection is given up when it does not answer within this.
    public var keepaliveTimeout: Duration = .seconds(5)
    /// The largest answer, in bytes.
    public var maxReceiveBytes = Int(Int32.max)
    /// The loops to connect on; nil for those that the whole process shares.
    public var eventLoopGroup: (any EventLoopGroup)?

    public init() {}

    func connection(usesTLS: Bool) -> GRPCClientSettings {
        var settings = GRPCClientSettings()
        settings.tls = usesTLS ? tls ?? .makeClientConfiguration() : nil
        settings.authority = serverName
        settings.eventLoopGroup = eventLoopGroup
        settings.maxReceiveBytes = maxReceiveBytes
        settings.maxIdle = nil
        settings.keepaliveInterval = keepaliveInterval
        settings.keepaliveTimeout = keepaliveTimeout
        settings.drainTimeout = .seconds(5)
        // A member that was away is tried again by the calls, not by a timer.
        settings.backoff = ConnectionBackoff(
            initial: .milliseconds(50), maximum: .seconds(1), minimumConnectTimeout: dialTimeout)
        return settings
    }
}
