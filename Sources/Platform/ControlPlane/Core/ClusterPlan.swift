import ApusNode
import ApusPrimitives
import ApusRaft

/// How a member comes to its cluster: who it is, who the others are, and where they listen.
struct ClusterPlan: Sendable {
    let identity: ClusterIdentity
    let beginning: Beginning
    /// The members as the cluster's own book has them before the first change.
    let book: ClusterBook
    /// `host:port` at which peers find this member.
    let advertisedPeer: String

    /// - Throws: `ControlPlaneError` `.badSettings` when this member is not among the founders, or is not the one it says.
    init(_ settings: ControlPlaneSettings) throws(ControlPlaneError) {
        let own = settings.initialAdvertisePeerURLs
        var urls: [(name: String, urls: [String])] = []
        let entries =
            settings.initialCluster.isEmpty
            ? own.map { .init(name: settings.name, peerURL: $0) } : settings.initialCluster
        for entry in entries {
            let url = try ServiceURL(entry.peerURL).description
            if let position = urls.firstIndex(where: { $0.name == entry.name }) {
                urls[position].urls.append(url)
            } else {
                urls.append((entry.name, [url]))
            }
        }
        guard let mine = urls.first(where: { $0.name == settings.name }) else {
            throw .badSettings("couldn't find local name \"\(settings.name)\" in the initial cluster configuration")
        }
        guard Set(mine.urls) == Set(own) else {
            throw .badSettings(
                "--initial-cluster has \(mine.urls.joined(separator: ",")) for \(settings.name), "
                    + "--initial-advertise-peer-urls \(own.joined(separator: ","))")
        }
        let token = settings.clusterToken
        var members: [ClusterBook.Member] = []
        for (name, peers) in urls {
            let id = ClusterIdentity.memberID(peerURLs: peers, token: token)
            guard !members.contains(where: { $0.id == id }) else {
                throw .badSettings("two members have the peer URLs \(peers.joined(separator: ","))")
            }
            // A founder's name is known when it has started, as in etcd.
            members.append(.init(id: id, name: name, peerURLs: peers.sorted()))
        }
        identity = ClusterIdentity(
            clusterID: ClusterIdentity.clusterID(founders: members.map(\.id)),
            memberID: ClusterIdentity.memberID(peerURLs: mine.urls, token: token))
        var addresses: [Member] = []
        for member in members {
            addresses.append(Member(NodeID(member.id), at: try ServiceURL(member.peerURLs[0]).authority))
        }
        advertisedPeer = try ServiceURL(mine.urls.sorted()[0]).authority
        beginning = settings.isNew ? .founding(addresses) : .joining(addresses)
        book = ClusterBook(members)
    }
}
