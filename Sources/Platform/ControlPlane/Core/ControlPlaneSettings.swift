import ApusNode
import ApusPrimitives
public import NIOSSL

/// What a control-plane node is told at its start; etcd's flags by their meaning, with etcd's defaults.
public struct ControlPlaneSettings: Sendable {
    /// A member of the initial cluster: what it calls itself and where its peers find it. One that has several peer URLs is
    /// listed several times.
    public struct InitialMember: Hashable, Sendable {
        public var name: String
        public var peerURL: String

        public init(name: String, peerURL: String) {
            self.name = name
            self.peerURL = peerURL
        }
    }

    public enum AutoCompaction: Hashable, Sendable {
        case off
        /// Keeps the history of this long.
        case periodic(Duration)
        /// Keeps the history of so many revisions.
        case revision(Int64)
    }

    /// A name for people; unique in the cluster when it is founded.
    public var name = "default"
    /// Made when it is not there. One process at a time may use it.
    public var dataFolder: String
    /// Tells clusters apart that have the same members; part of every ID.
    public var clusterToken = "etcd-cluster"
    /// Those who found the cluster, this node among them; ignored when the data folder has a member already. Empty: this node
    /// alone, at `initialAdvertisePeerURLs`.
    public var initialCluster: [InitialMember] = []
    /// False: the node joins a cluster that is there, and `initialCluster` says who is in it, this node too.
    public var isNew = true

    public var listenClientURLs = ["http://localhost:2379"]
    public var advertiseClientURLs = ["http://localhost:2379"]
    public var listenPeerURLs = ["http://localhost:2380"]
    public var initialAdvertisePeerURLs = ["http://localhost:2380"]
    /// HTTP for `/health`, `/livez`, `/readyz`, `/metrics` and `/version` alone, beside the client URLs; https with `clientTLS`.
    public var listenMetricsURLs: [String] = []

    /// A client that pings more often is disconnected.
    public var minimumPingInterval = Duration.seconds(5)
    /// A client that is silent for so long is pinged; `.zero` never.
    public var keepaliveInterval = Duration.seconds(7_200)
    /// … and disconnected when it does not answer within this.
    public var keepaliveTimeout = Duration.seconds(20)

    /// Origins whose pages may call the HTTP endpoints; "*" is all.
    public var corsOrigins = ["*"]
    /// Hosts that HTTP requests without TLS may be for; "*" is all.
    public var allowedHosts = ["*"]

    /// From 1 ms; all members should have the same.
    public var heartbeatInterval = Duration.milliseconds(100)
    /// At least five heartbeats, at most 50 s.
    public var electionTimeout = Duration.milliseconds(1_000)

    /// Beyond so many bytes of data the NOSPACE alarm is raised and writes that grow are refused; 0 means 2 GiB, less than that none.
    public var quotaBytes: Int64 = 2 << 30
    /// Operations of one transaction, at least 1.
    public var maxTxnOperations = 128
    /// Of one request, in bytes.
    public var maxRequestBytes = 3 << 19
    /// A snapshot of the state is taken when so many bytes of changes were applied since the last one, and a quarter of its size.
    public var snapshotBytes = 64 << 20
    public var autoCompaction = AutoCompaction.off
    /// Streams (watches, keep-alives) and calls at once on one connection.
    public var maxConcurrentStreams = 4_096
    /// Client connections at once, on each listener.
    public var maxConnections = 20_000
    /// What requests that have not come whole, and answers that clients do not take, may hold in all, in bytes.
    public var maxHeldBytes = 512 << 20
    /// How often a watcher that asked for progress and saw nothing is told how far it is; jittered by 10 % upwards.
    public var watchProgressInterval = Duration.seconds(600)

    /// Needed by https client URLs.
    public var clientTLS: TLSConfiguration?
    /// Needed by https peer URLs.
    public var peerTLS: TLSConfiguration?
    /// Whether a client's certificate counts, of those that `clientTLS` trusts; nil: all of them.
    public var acceptsClient: (@Sendable (NIOSSLCertificate) -> Bool)?
    /// … and a peer's, when it connects and when it is connected to.
    public var acceptsPeer: (@Sendable (NIOSSLCertificate) -> Bool)?
    /// How long a password's token is good after its last use.
    public var authTokenTTL = Duration.seconds(300)
    /// The work of hashing a password is two to the power of this, 4 to 31.
    public var bcryptCost = 10
    /// Whoever shows a certificate that `clientTLS` trusts is the user of its common name.
    public var clientCertAuth = false
    /// Changes of members that could leave too few to decide anything are refused.
    public var strictReconfigurationCheck = true
    /// How often the leader has the members compare their data; `.zero` for never.
    public var corruptCheckTime = Duration.zero

    public init(dataFolder: String) {
        self.dataFolder = dataFolder
    }
}

extension ControlPlaneSettings {
    /// How long a request may take before the client is told that it timed out: five seconds, and two elections.
    var requestTimeout: Duration { .seconds(5) + electionTimeout * 2 }

    /// One and a half elections, in whole seconds: a lease must outlive the choice of a leader.
    var minimumLeaseTTLSeconds: Int64 {
        max(1, (electionTimeout.milliseconds * 3 / 2 + 999) / 1_000)
    }

    /// Nil: none.
    var effectiveQuotaBytes: Int64? { quotaBytes == 0 ? 2 << 30 : quotaBytes < 0 ? nil : quotaBytes }

    /// How members connect to each other: with TLS when this one listens with it.
    var peerConnections: TCPTransportSettings {
        var tcp = TCPTransportSettings()
        if let url = listenPeerURLs.first.flatMap({ try? ServiceURL($0) }), url.scheme.isSecure {
            tcp.tls = peerTLS.map { TCPTransportTLS($0) }
            tcp.tls?.accepts = acceptsPeer
        }
        return tcp
    }

    var electionTicks: Int { max(2, Int((electionTimeout / heartbeatInterval).rounded(.down))) }

    /// - Throws: `ControlPlaneError` `.badSettings`.
    func check() throws(ControlPlaneError) {
        guard !name.isEmpty else { throw .badSettings("the name of a member is empty") }
        guard !dataFolder.isEmpty else { throw .badSettings("the data folder is not set") }
        guard heartbeatInterval >= .milliseconds(1) else {
            throw .badSettings("--heartbeat-interval must be >0 (set to \(heartbeatInterval.milliseconds)ms)")
        }
        guard electionTimeout >= heartbeatInterval * 5 else {
            throw .badSettings(
                "--election-timeout[\(electionTimeout.milliseconds)ms] should be at least as 5 times as "
                    + "--heartbeat-interval[\(heartbeatInterval.milliseconds)ms]")
        }
        guard electionTimeout <= .seconds(50) else {
            throw .badSettings(
                "--election-timeout[\(electionTimeout.milliseconds)ms] is too long, and should be set less than 50000ms"
            )
        }
        guard maxTxnOperations >= 1, maxRequestBytes >= 1 else {
            throw .badSettings("--max-txn-ops and --max-request-bytes must be at least 1")
        }
        let clients = try urls(listenClientURLs, "--listen-client-urls", mustListen: true)
        let peers = try urls(listenPeerURLs, "--listen-peer-urls", mustListen: true)
        _ = try urls(advertiseClientURLs, "--advertise-client-urls")
        _ = try urls(initialAdvertisePeerURLs, "--initial-advertise-peer-urls")
        for metrics in try listenMetricsURLs.map({ url throws(ControlPlaneError) in try ServiceURL(url) }) {
            try Self.checkListens(metrics, "--listen-metrics-urls")
        }
        if clientTLS == nil, let url = clients.first(where: { $0.scheme.isSecure }) {
            throw .badSettings("\(url) needs a certificate: --cert-file and --key-file")
        }
        if peerTLS == nil, let url = peers.first(where: { $0.scheme.isSecure }) {
            throw .badSettings("\(url) needs a certificate: --peer-cert-file and --peer-key-file")
        }
    }

    private func urls(
        _ texts: [String], _ flag: String, mustListen: Bool = false
    ) throws(ControlPlaneError) -> [ServiceURL] {
        guard !texts.isEmpty else { throw .badSettings("\(flag) is empty") }
        var urls: [ServiceURL] = []
        for text in texts { urls.append(try ServiceURL(text)) }
        if mustListen {
            for url in urls { try Self.checkListens(url, flag) }
        }
        return urls
    }

    /// As etcd, which listens on addresses and on `localhost` only: a name may have other addresses tomorrow.
    private static func checkListens(_ url: ServiceURL, _ flag: String) throws(ControlPlaneError) {
        if url.isUnix || url.host == "localhost" || url.host.isEmpty { return }
        let isAddress =
            url.host.contains(":")
            || url.host.split(separator: ".").count == 4
                && url.host.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
        guard isAddress else { throw .badSettings("expected IP in URL for binding (\(url)): \(flag)") }
    }
}

extension Duration {
    var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
