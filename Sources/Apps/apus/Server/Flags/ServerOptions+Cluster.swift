import ApusControlPlane

extension ServerOptions {
    static let mostMembers = 7

    mutating func readCluster(_ values: FlagValues, _ given: GivenValues) throws(ServerFlaw) {
        clusterToken = values.text("initial-cluster-token")
        strictReconfigurationCheck = values.truth("strict-reconfig-check")
        isNew = values.text("initial-cluster-state") == "new"
        listenClientURLs = values.urls("listen-client-urls")
        listenPeerURLs = values.urls("listen-peer-urls")
        initialAdvertisePeerURLs = values.urls("initial-advertise-peer-urls")
        advertiseClientURLs = values.urls("advertise-client-urls")
        if values.isGiven("listen-client-urls"), !values.isGiven("advertise-client-urls") {
            guard listenClientURLs.contains(where: { $0.port == 0 }) else {
                throw ServerFlaw(
                    "--advertise-client-urls is required when --listen-client-urls is set explicitly: where do clients "
                        + "reach this node?")
            }
            // The port is only known once it is bound.
            advertiseClientURLs = listenClientURLs
        }
        if let value = given["initial-cluster"], !value.text.isEmpty {
            initialCluster = try Self.members(value)
        } else {
            initialCluster = initialAdvertisePeerURLs.map { .init(name: name, peerURL: $0.description) }
        }
    }

    /// `name=URL,name=URL`; a name that stands twice has two URLs.
    private static func members(
        _ value: GivenValues.Value
    ) throws(ServerFlaw) -> [ControlPlaneSettings.InitialMember] {
        var members: [ControlPlaneSettings.InitialMember] = []
        var owners: [String: String] = [:]
        for part in value.text.split(separator: ",") {
            let text = String(part).trimmingSpaces
            let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty else {
                throw ServerFlaw("\(value.source): '\(text)' is not name=http://host:2380")
            }
            let (name, url) = (String(sides[0]), String(sides[1]))
            do {
                _ = try ServiceURL(url)
            } catch {
                throw ServerFlaw("\(value.source): \(error.message)")
            }
            if let owner = owners[url] {
                throw ServerFlaw("\(value.source): \(url) stands for '\(owner)' and again for '\(name)'")
            }
            owners[url] = name
            members.append(.init(name: name, peerURL: url))
        }
        return members
    }

    mutating func readCompaction(_ values: FlagValues) throws(ServerFlaw) {
        let retention = values.text("auto-compaction-retention")
        let isPeriodic = values.text("auto-compaction-mode") == "periodic"
        if let count = Int64(retention), count >= 0 {
            guard count <= 1_000_000_000_000, !isPeriodic || count <= 1_000_000 else {
                throw ServerFlaw("--auto-compaction-retention: \(retention) is too large")
            }
            autoCompaction = count == 0 ? .off : isPeriodic ? .periodic(.seconds(count * 3_600)) : .revision(count)
        } else if isPeriodic, let duration = GoDuration.parse(retention) {
            autoCompaction = duration == .zero ? .off : .periodic(duration)
        } else {
            let right =
                isPeriodic
                ? "a duration like 5m or 1h, or a number of hours" : "a number of revisions such as 1000"
            throw ServerFlaw("--auto-compaction-retention: '\(retention)' is not \(right)")
        }
    }
}
