import ApusControlPlane

extension ServerOptions {
    /// What can be wrong between flags; etcd's own checks, and more.
    func check(_ given: GivenValues) throws(ServerFlaw) {
        try checkTimes()
        try checkListening()
        try checkMembership(given)
        try checkTLS()
        if let value = given["auth-token"], value.text != "simple", !value.text.isEmpty {
            throw ServerFlaw("\(value.source): '\(value.text)' is not offered; only simple tokens are")
        }
    }

    private func checkTimes() throws(ServerFlaw) {
        guard electionMilliseconds >= 5 * heartbeatMilliseconds else {
            throw ServerFlaw(
                "--election-timeout: \(electionMilliseconds) ms is too short; it must be at least 5 times "
                    + "--heartbeat-interval, which is \(heartbeatMilliseconds) ms")
        }
    }

    private func checkListening() throws(ServerFlaw) {
        try Self.checkAddresses(listenClientURLs, "--listen-client-urls")
        try Self.checkAddresses(listenPeerURLs, "--listen-peer-urls")
        try Self.checkAddresses(listenMetricsURLs, "--listen-metrics-urls")
        try Self.checkHosts(advertiseClientURLs, "--advertise-client-urls")
        try Self.checkHosts(initialAdvertisePeerURLs, "--initial-advertise-peer-urls")
        var seen: [String: String] = [:]
        for (flag, urls) in [
            ("--listen-client-urls", listenClientURLs), ("--listen-peer-urls", listenPeerURLs),
            ("--listen-metrics-urls", listenMetricsURLs),
        ] {
            for url in urls where url.port != 0 {
                if let other = seen[url.authority] {
                    throw ServerFlaw("\(flag): \(url.authority) is in \(other) already; a port serves one of them")
                }
                seen[url.authority] = flag
            }
        }
    }

    /// As etcd: a name may have another address tomorrow, so that only addresses and `localhost` are listened on.
    private static func checkAddresses(_ urls: [ServiceURL], _ flag: String) throws(ServerFlaw) {
        for url in urls where !url.isUnix && url.host != "localhost" && !isAddress(url.host) {
            throw ServerFlaw("\(flag): expected IP in URL for binding (\(url)); 0.0.0.0 is all addresses")
        }
    }

    private static func checkHosts(_ urls: [ServiceURL], _ flag: String) throws(ServerFlaw) {
        for url in urls where url.host.isEmpty { throw ServerFlaw("\(flag): unexpected empty host (\(url))") }
    }

    private static func isAddress(_ host: String) -> Bool {
        if host.contains(":") { return host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" } }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    private func checkMembership(_ given: GivenValues) throws(ServerFlaw) {
        let source = given["initial-cluster"]?.source ?? "--initial-cluster"
        let names = Set(initialCluster.map(\.name))
        guard names.contains(name) else {
            throw ServerFlaw(
                "\(source): couldn't find local name \"\(name)\" in the initial cluster configuration "
                    + "(\(names.sorted().joined(separator: ", ")))")
        }
        guard names.count <= Self.mostMembers else {
            throw ServerFlaw(
                "\(source): \(names.count) nodes are too many; at most \(Self.mostMembers), and 3 or 5 are best")
        }
        let mine = Set(initialCluster.filter { $0.name == name }.map(\.peerURL))
        let advertised = Set(initialAdvertisePeerURLs.map(\.description))
        guard mine == advertised else {
            throw ServerFlaw(
                "--initial-advertise-peer-urls: \(advertised.sorted().joined(separator: ",")) is not what "
                    + "\(source) says of \"\(name)\": \(mine.sorted().joined(separator: ","))")
        }
    }

    private func checkTLS() throws(ServerFlaw) {
        try Self.checkPair(client, "--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth")
        try Self.checkPair(
            peer, "--peer-cert-file", "--peer-key-file", "--peer-trusted-ca-file", "--peer-client-cert-auth")
        let servesTLS = !client.isEmpty || makesCertificate
        if !servesTLS, let url = (listenClientURLs + listenMetricsURLs).first(where: \.scheme.isSecure) {
            throw ServerFlaw(
                "--listen-client-urls: \(url) needs a certificate: --cert-file and --key-file, or --auto-tls")
        }
        if peer.isEmpty, let url = (listenPeerURLs + initialAdvertisePeerURLs).first(where: \.scheme.isSecure) {
            throw ServerFlaw("--listen-peer-urls: \(url) needs a certificate: --peer-cert-file and --peer-key-file")
        }
        for (flag, urls) in [("--listen-client-urls", listenClientURLs), ("--listen-peer-urls", listenPeerURLs)]
        where Set(urls.map(\.scheme.isSecure)).count > 1 {
            throw ServerFlaw("\(flag): http and https together; give one of them")
        }
        if !clientNames.isEmpty, client.authorities.isEmpty {
            throw ServerFlaw("--client-cert-allowed-hostname needs --trusted-ca-file: no certificate is asked for")
        }
        if !peerNames.isEmpty, peer.authorities.isEmpty {
            throw ServerFlaw(
                "--peer-cert-allowed-cn and --peer-cert-allowed-hostname need --peer-trusted-ca-file: "
                    + "no certificate is asked for")
        }
        if !peerNames.common.isEmpty, !peerNames.host.isEmpty {
            throw ServerFlaw(
                "AllowedCN and AllowedHostname are mutually exclusive (cn=\"\(peerNames.common)\", "
                    + "hostname=\"\(peerNames.host)\")")
        }
    }

    private static func checkPair(
        _ files: TLSFiles, _ certificate: String, _ key: String, _ authorities: String, _ asks: String
    ) throws(ServerFlaw) {
        guard files.certificate.isEmpty == files.key.isEmpty else {
            let (one, other) = files.certificate.isEmpty ? (key, certificate) : (certificate, key)
            throw ServerFlaw("\(one) needs \(other): a certificate is of no use without its key")
        }
        if files.asksForCertificates, files.authorities.isEmpty {
            throw ServerFlaw("\(asks) needs \(authorities): who signs the certificates that count?")
        }
    }
}
