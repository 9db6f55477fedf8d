import ApusControlPlane

/// What `apus server` was told, checked as far as that can be done without touching anything; a pure value.
struct ServerOptions: Sendable {
    var name = "default"
    var dataFolder = "default.etcd"
    var listenClientURLs: [ServiceURL] = []
    var listenPeerURLs: [ServiceURL] = []
    var advertiseClientURLs: [ServiceURL] = []
    var initialAdvertisePeerURLs: [ServiceURL] = []
    var listenMetricsURLs: [ServiceURL] = []
    var initialCluster: [ControlPlaneSettings.InitialMember] = []
    var isNew = true
    var clusterToken = "etcd-cluster"
    var strictReconfigurationCheck = true
    var heartbeatMilliseconds = 100
    var electionMilliseconds = 1_000
    var quotaBytes: Int64 = 0
    var maxTxnOperations = 128
    var maxRequestBytes = 1_572_864
    var maxConcurrentStreams = 4_096
    var autoCompaction = ControlPlaneSettings.AutoCompaction.off
    var watchProgressInterval = Duration.seconds(600)
    var authTokenSeconds: Int64 = 300
    var bcryptCost = 10
    var corruptCheckTime = Duration.zero
    var minimumPingInterval = Duration.seconds(5)
    var keepaliveInterval = Duration.seconds(7_200)
    var keepaliveTimeout = Duration.seconds(20)
    var client = TLSFiles()
    var peer = TLSFiles()
    var tls = TLSChoices()
    var makesCertificate = false
    var certificateYears = 1
    /// Whose certificates count, of those that an authority signed.
    var clientNames = CertificateNames()
    var peerNames = CertificateNames()
    var corsOrigins: [String] = ["*"]
    var hosts: [String] = ["*"]
    var log = LogChoices()
    /// Flags that were given and change nothing, with the reason.
    var withoutEffect: [String] = []
    /// What is worth a line in the log, though it keeps nobody from starting.
    var remarks: [String] = []

    /// The files of one port.
    struct TLSFiles: Sendable, Equatable {
        var certificate = ""
        var key = ""
        var authorities = ""
        var asksForCertificates = false

        var isEmpty: Bool { certificate.isEmpty && key.isEmpty }
    }

    struct TLSChoices: Sendable, Equatable {
        var minimum = "TLS1.2"
        var maximum = ""
        var cipherSuites: [String] = []
    }

    struct LogChoices: Sendable, Equatable {
        var level = "info"
        var outputs: [String] = ["default"]
    }

    /// - Parameters:
    ///   - arguments: the command line.
    ///   - environment: of the process.
    ///   - readFile: the values of a --config-file.
    /// - Throws: `ServerFlaw`, one line that names the flag and its value.
    init(
        _ arguments: ServerArguments, environment: [String: String],
        readFile: (String) throws(ServerFlaw) -> GivenValues = ServerConfigFile.read
    ) throws(ServerFlaw) {
        var given = arguments.given
        var remarks: [String] = []
        let path = arguments.configFile ?? environment["ETCD_CONFIG_FILE"] ?? ""
        if path.isEmpty {
            remarks += ServerEnvironment.add(environment, to: &given)
        } else {
            // As etcd: a file says everything, so that it can be read as what is in force.
            let others = given.flags.map { given[$0.name]!.source }
            if !others.isEmpty {
                remarks.append("\(others.joined(separator: ", ")) have no effect: --config-file says everything")
            }
            given = try readFile(path)
        }
        try self.init(given, remarks: remarks)
    }

    init(_ given: GivenValues, remarks: [String] = []) throws(ServerFlaw) {
        let values = try FlagValues(given)
        self.remarks = remarks
        withoutEffect = values.withoutEffect
        readMember(values)
        try readCluster(values, given)
        try readCompaction(values)
        readSecurity(values)
        try check(given)
    }

    private mutating func readMember(_ values: FlagValues) {
        name = values.text("name")
        dataFolder = values.text("data-dir", or: "\(name).etcd")
        heartbeatMilliseconds = Int(values.number("heartbeat-interval"))
        electionMilliseconds = Int(values.number("election-timeout"))
        quotaBytes = values.number("quota-backend-bytes")
        maxTxnOperations = Int(values.number("max-txn-ops"))
        maxRequestBytes = Int(values.number("max-request-bytes"))
        // Etcd's default is no bound at all; ours keeps one.
        if values.isGiven("max-concurrent-streams") {
            maxConcurrentStreams = Int(min(values.number("max-concurrent-streams"), 0x7FFF_FFFF))
        }
        watchProgressInterval = values.duration("experimental-watch-progress-notify-interval")
        bcryptCost = Int(values.number("bcrypt-cost"))
        corruptCheckTime = values.duration("experimental-corrupt-check-time")
        minimumPingInterval = values.duration("grpc-keepalive-min-time")
        keepaliveInterval = values.duration("grpc-keepalive-interval")
        keepaliveTimeout = values.duration("grpc-keepalive-timeout")
        authTokenSeconds = values.number("auth-token-ttl")
        log = LogChoices(level: values.text("log-level"), outputs: values.names("log-outputs"))
        listenMetricsURLs = values.urls("listen-metrics-urls")
    }

    private mutating func readSecurity(_ values: FlagValues) {
        client = TLSFiles(
            certificate: values.text("cert-file"), key: values.text("key-file"),
            authorities: values.text("trusted-ca-file"), asksForCertificates: values.truth("client-cert-auth"))
        peer = TLSFiles(
            certificate: values.text("peer-cert-file"), key: values.text("peer-key-file"),
            authorities: values.text("peer-trusted-ca-file"),
            asksForCertificates: values.truth("peer-client-cert-auth"))
        tls = TLSChoices(
            minimum: values.text("tls-min-version"), maximum: values.text("tls-max-version"),
            cipherSuites: values.names("cipher-suites"))
        makesCertificate = values.truth("auto-tls")
        certificateYears = Int(values.number("self-signed-cert-validity"))
        corsOrigins = values.names("cors")
        hosts = values.names("host-whitelist")
        clientNames = CertificateNames(host: values.text("client-cert-allowed-hostname"))
        peerNames = CertificateNames(
            common: values.text("peer-cert-allowed-cn"), host: values.text("peer-cert-allowed-hostname"))
    }
}
