import ApusNode
import ApusPrimitives
import ApusRaft
import ApusResilience
import Logging

/// How a member comes to its cluster: who it is, who the others are, and where they listen.
///
/// The data folder decides, when it has a member; then what flags say of the cluster means nothing any more, as in etcd. A new
/// member founds the cluster with those that the settings name, or asks them to which cluster they belong, and joins it.
struct ClusterPlan: Hashable, Sendable {
    let identity: ClusterIdentity
    /// The members as they were before the first change; every member's state begins with them.
    let founders: ClusterBook
    /// `host:port` at which peers find this member.
    let advertisedPeer: String
    /// Those who are known, to begin with.
    private let known: ClusterBook

    var beginning: Beginning {
        let members = known.members.compactMap(\.node)
        return founders[identity.memberID] == nil ? .joining(members) : .founding(members)
    }

    private init(_ identity: ClusterIdentity, founders: ClusterBook, known: ClusterBook) throws(ControlPlaneError) {
        self.identity = identity
        self.founders = founders
        self.known = known
        guard let own = known[identity.memberID]?.node else {
            throw ControlPlaneError(.badData, "member \(identity.memberID.hex) is not among those who are known")
        }
        advertisedPeer = own.address
    }

    /// - Parameter patience: how long the others are asked before a member that is to join gives up: a change of members has to
    ///   reach the one that is asked.
    /// - Throws: `ControlPlaneError`.
    static func make(
        _ settings: ControlPlaneSettings, patience: Duration = .seconds(30), logger: Logger
    ) async throws -> ClusterPlan {
        if let plan = try MemberFile.read(in: settings.dataFolder) { return plan }
        let plan = try settings.isNew ? founding(settings) : await joining(settings, patience, logger)
        try MemberFile.write(plan, in: settings.dataFolder)
        return plan
    }
}

// MARK: Founding

extension ClusterPlan {
    /// - Throws: `ControlPlaneError` `.badSettings` when this member is not among the founders, or is not the one it says.
    static func founding(_ settings: ControlPlaneSettings) throws(ControlPlaneError) -> ClusterPlan {
        let named = try NamedMembers(settings)
        let token = settings.clusterToken
        var members: [ClusterBook.Member] = []
        for (name, peers) in named.members {
            let id = ClusterIdentity.memberID(peerURLs: peers, token: token)
            guard !members.contains(where: { $0.id == id }) else {
                throw .badSettings("two members have the peer URLs \(peers.joined(separator: ","))")
            }
            members.append(.init(id: id, name: name, peerURLs: peers.sorted()))
        }
        let identity = ClusterIdentity(
            clusterID: ClusterIdentity.clusterID(founders: members.map(\.id)),
            memberID: ClusterIdentity.memberID(peerURLs: named.own, token: token))
        let book = ClusterBook(members)
        return try ClusterPlan(identity, founders: book, known: book)
    }

    /// What the settings say of the cluster.
    private struct NamedMembers {
        private(set) var members: [(name: String, urls: [String])] = []
        private(set) var own: [String] = []

        init(_ settings: ControlPlaneSettings) throws(ControlPlaneError) {
            let advertised = settings.initialAdvertisePeerURLs
            let entries =
                settings.initialCluster.isEmpty
                ? advertised.map { .init(name: settings.name, peerURL: $0) } : settings.initialCluster
            for entry in entries {
                let url = try ServiceURL(entry.peerURL).description
                if let position = members.firstIndex(where: { $0.name == entry.name }) {
                    members[position].urls.append(url)
                } else {
                    members.append((entry.name, [url]))
                }
            }
            guard let mine = members.first(where: { $0.name == settings.name }) else {
                throw .badSettings(
                    "couldn't find local name \"\(settings.name)\" in the initial cluster configuration")
            }
            guard Set(mine.urls) == Set(advertised) else {
                throw .badSettings(
                    "--initial-cluster has \(mine.urls.joined(separator: ",")) for \(settings.name), "
                        + "--initial-advertise-peer-urls \(advertised.joined(separator: ","))")
            }
            own = mine.urls
        }
    }
}

// MARK: Joining

extension ClusterPlan {
    private static func joining(
        _ settings: ControlPlaneSettings, _ patience: Duration, _ logger: Logger
    ) async throws -> ClusterPlan {
        let named = try NamedMembers(settings)
        let others = named.members.flatMap(\.urls).filter { !named.own.contains($0) }
        guard !others.isEmpty else {
            throw ControlPlaneError(.cannotJoin, "--initial-cluster names no other member to ask")
        }
        let end = ContinuousClock.now + patience
        var failure = ControlPlaneError(.cannotJoin, "nobody could be asked")
        while true {
            for url in others {
                do {
                    let (address, tcp) = (try ServiceURL(url), settings.peerConnections)
                    let answer = try await TCPTransport.inquire(at: address.authority, settings: tcp)
                    return try joining(ClusterIntroduction(decoding: answer), named)
                } catch let error as ControlPlaneError {
                    failure = error
                } catch {
                    failure = ControlPlaneError(.cannotJoin, "\(url) does not say which cluster it is in", cause: error)
                }
            }
            guard ContinuousClock.now < end else { throw failure }
            logger.warning("cannot join yet", metadata: ["reason": "\(failure)"])
            try await TimeSource.continuous.sleep(for: .milliseconds(500))
        }
    }

    /// Etcd's checks: the settings have to name all members, and this one has to be among them.
    private static func joining(
        _ cluster: ClusterIntroduction, _ named: NamedMembers
    ) throws(ControlPlaneError) -> ClusterPlan {
        let members = cluster.members.members
        guard members.count == named.members.count else {
            throw ControlPlaneError(
                .cannotJoin,
                "error validating peerURLs: member count is unequal: the cluster has \(members.count) members, "
                    + "--initial-cluster \(named.members.count)")
        }
        for (name, urls) in named.members where !members.contains(where: { Set($0.peerURLs) == Set(urls) }) {
            throw ControlPlaneError(
                .cannotJoin,
                "error validating peerURLs: the cluster has no member at \(urls.joined(separator: ",")), as \(name)")
        }
        guard let own = members.first(where: { Set($0.peerURLs) == Set(named.own) }) else {
            throw ControlPlaneError(.cannotJoin, "the cluster has no member at \(named.own.joined(separator: ","))")
        }
        guard !own.hasStarted else {
            throw ControlPlaneError(
                .cannotJoin, "member \(own.id.hex) has been bootstrapped already: its data folder is elsewhere")
        }
        return try ClusterPlan(
            ClusterIdentity(clusterID: cluster.clusterID, memberID: own.id), founders: cluster.founders,
            known: cluster.members)
    }
}

// MARK: In the data folder

extension ClusterPlan {
    private static let formatVersion: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.formatVersion)
        writer.write(identity.clusterID)
        writer.write(identity.memberID)
        founders.encode(to: &writer)
        known.encode(to: &writer)
        return writer.bytes
    }

    /// - Throws: `ByteReader.Malformed`, `ControlPlaneError`.
    init(decoding bytes: [UInt8]) throws {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt8.self) == Self.formatVersion else {
            throw ByteReader.Malformed(offset: 0, expected: "a member file of a known version")
        }
        let identity = ClusterIdentity(
            clusterID: try reader.read(UInt64.self), memberID: try reader.read(UInt64.self))
        let founders = try ClusterBook(from: &reader)
        try self.init(identity, founders: founders, known: ClusterBook(from: &reader))
    }
}
