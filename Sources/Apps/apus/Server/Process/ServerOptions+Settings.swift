import ApusControlPlane

extension ServerOptions {
    /// - Throws: `ServerFlaw` for a certificate or a key that cannot be read.
    func settings() throws(ServerFlaw) -> ControlPlaneSettings {
        var settings = ControlPlaneSettings(dataFolder: dataFolder)
        settings.name = name
        settings.clusterToken = clusterToken
        settings.initialCluster = initialCluster
        settings.isNew = isNew
        settings.listenClientURLs = listenClientURLs.map(\.description)
        settings.advertiseClientURLs = advertiseClientURLs.map(\.description)
        settings.listenPeerURLs = listenPeerURLs.map(\.description)
        settings.initialAdvertisePeerURLs = initialAdvertisePeerURLs.map(\.description)
        settings.listenMetricsURLs = listenMetricsURLs.map(\.description)
        settings.heartbeatInterval = .milliseconds(heartbeatMilliseconds)
        settings.electionTimeout = .milliseconds(electionMilliseconds)
        settings.quotaBytes = quotaBytes
        settings.maxTxnOperations = maxTxnOperations
        settings.maxRequestBytes = maxRequestBytes
        settings.maxConcurrentStreams = maxConcurrentStreams
        settings.autoCompaction = autoCompaction
        settings.watchProgressInterval = watchProgressInterval
        settings.authTokenTTL = .seconds(authTokenSeconds)
        settings.bcryptCost = bcryptCost
        settings.clientCertAuth = client.asksForCertificates
        settings.strictReconfigurationCheck = strictReconfigurationCheck
        settings.corruptCheckTime = corruptCheckTime
        settings.minimumPingInterval = minimumPingInterval
        settings.keepaliveInterval = keepaliveInterval
        settings.keepaliveTimeout = keepaliveTimeout
        settings.corsOrigins = corsOrigins
        settings.allowedHosts = hosts
        settings.clientTLS = try clientTLS()
        settings.peerTLS = try peerTLS()
        settings.acceptsClient = clientNames.rule
        settings.acceptsPeer = peerNames.rule
        return settings
    }
}
