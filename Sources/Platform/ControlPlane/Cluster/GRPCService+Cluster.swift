import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Foundation
import Logging
import SwiftProtobuf

extension GRPCService {
    /// etcd's Cluster service.
    static func cluster(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.cluster) { service in
            service.unary("MemberAdd", by: core) { (request: EtcdMemberAddRequest, caller) async throws(EtcdError) in
                let member = ClusterBook.Member(added: request, atUnixSeconds: Int64(Date().timeIntervalSince1970))
                guard let member else { throw .badMemberURLs }
                let members = try await core.add(member, caller)
                return EtcdMemberAddResponse.with {
                    $0.header = core.clusterHeader
                    $0.member = EtcdMember(member)
                    $0.members = members.map(EtcdMember.init)
                }
            }
            service.unary("MemberRemove", by: core) {
                (request: EtcdMemberRemoveRequest, caller) async throws(EtcdError) in
                let members = try await core.remove(request.id, caller)
                return EtcdMemberRemoveResponse.with {
                    $0.header = core.clusterHeader
                    $0.members = members.map(EtcdMember.init)
                }
            }
            service.unary("MemberUpdate", by: core) {
                (request: EtcdMemberUpdateRequest, caller) async throws(EtcdError) in
                let members = try await core.update(request.id, peerURLs: request.peerUrls, caller)
                return EtcdMemberUpdateResponse.with {
                    $0.header = core.clusterHeader
                    $0.members = members.map(EtcdMember.init)
                }
            }
            service.unary("MemberPromote", by: core) {
                (request: EtcdMemberPromoteRequest, caller) async throws(EtcdError) in
                let members = try await core.promote(request.id, caller)
                return EtcdMemberPromoteResponse.with {
                    $0.header = core.clusterHeader
                    $0.members = members.map(EtcdMember.init)
                }
            }
            // Clients ask for the members before they know who they are.
            service.unary("MemberList") { (request: EtcdMemberListRequest, _) in
                do throws(EtcdError) {
                    let book = try await core.read(linearizable: request.linearizable) { machine in machine.cluster }
                    return EtcdMemberListResponse.with {
                        $0.header = core.clusterHeader
                        $0.members = book.members.map(EtcdMember.init)
                    }
                } catch {
                    throw error.status
                }
            }
        }
    }
}

extension ControlCore {
    /// Changes of members are answered without a revision, as etcd does.
    fileprivate var clusterHeader: EtcdResponseHeader {
        var header = EtcdResponseHeader()
        header.clusterID = clusterID
        header.memberID = memberID
        header.raftTerm = node.standing.term.rawValue
        return header
    }

    fileprivate func add(
        _ member: ClusterBook.Member, _ caller: Caller?
    ) async throws(EtcdError) -> [ClusterBook.Member] {
        let book = try await book(for: caller)
        if settings.strictReconfigurationCheck {
            if !member.isLearner { try book.checkVoterMayJoin() }
            try await checkHealth(of: book.voters)
        }
        return try await change(.add(member))
    }

    fileprivate func remove(_ id: UInt64, _ caller: Caller?) async throws(EtcdError) -> [ClusterBook.Member] {
        let book = try await book(for: caller)
        // Nobody would be left to say that the last one has left.
        if settings.strictReconfigurationCheck || book.voters.count == 1 {
            try book.checkMayLeave(id)
            if book[id]?.isLearner == false { try await checkHealth(of: book.voters, without: id) }
        }
        return try await change(.remove(id))
    }

    fileprivate func update(
        _ id: UInt64, peerURLs: [String], _ caller: Caller?
    ) async throws(EtcdError) -> [ClusterBook.Member] {
        _ = try await book(for: caller)
        guard let urls = ClusterBook.Member.checked(peerURLs) else { throw .badMemberURLs }
        return try await change(.update(id, peerURLs: urls))
    }

    /// Raft first: the leader alone knows whether the learner keeps up.
    fileprivate func promote(_ id: UInt64, _ caller: Caller?) async throws(EtcdError) -> [ClusterBook.Member] {
        let book = try await book(for: caller)
        guard let member = book[id] else { throw .memberNotFound }
        guard member.isLearner else { throw .memberNotLearner }
        if settings.strictReconfigurationCheck { try book.checkMayBePromoted(id) }
        try await settleMembers()
        do {
            try await node.change([.promote(NodeID(id))])
        } catch let error as NodeError where error.code == .learnerBehind {
            throw .learnerNotReady
        } catch let error as NodeError where error.code == .invalidRequest {
            // Made a voter by a request whose caller did not hear of it: the book follows.
            guard try await isVoter(id) else { throw EtcdError(node: error) }
        } catch {
            throw EtcdError(node: error)
        }
        return try await change(.promote(id))
    }

    private func isVoter(_ id: UInt64) async throws(EtcdError) -> Bool {
        do {
            return try await node.status.raft.configuration.voters.contains(NodeID(id))
        } catch {
            throw EtcdError(node: error)
        }
    }

    private func book(for caller: Caller?) async throws(EtcdError) -> ClusterBook {
        try await read(linearizable: true) { machine throws(EtcdError) in
            try machine.auth.checkRoot(caller)
            return machine.cluster
        }
    }

    private func change(_ command: ClusterCommand) async throws(EtcdError) -> [ClusterBook.Member] {
        guard case .member(.members(let members)) = try await propose(.member(command)).0 else { return [] }
        // A second voter has to be there before the configuration with it is committed, and starts when this has been answered:
        // `ClusterKeeper` adds it.
        if case .add = command { return members }
        do {
            try await settleMembers()
        } catch {
            // It is decided; a leader that was to leave may be gone, and the next one's keeper goes on.
            logger.info("the members are not settled yet", metadata: ["error": "\(error)"])
        }
        return members
    }

    /// A change while members are away may leave nobody to decide anything; only the leader knows who is there.
    ///
    /// - Throws: `.unhealthy`.
    private func checkHealth(of voters: [ClusterBook.Member], without leaving: UInt64? = nil) async throws(EtcdError) {
        guard let peers = try? await node.status.raft.peers, !peers.isEmpty else { return }
        let active = voters.filter { voter in
            peers.contains { $0.id.rawValue == voter.id && ($0.isRecentlyActive || voter.id == memberID) }
        }
        guard let leaving else {
            guard active.count == voters.count else { throw .unhealthy }
            return
        }
        // Whoever is away is no loss.
        guard active.contains(where: { $0.id == leaving }) else { return }
        guard active.count - 1 >= 1 + (voters.count - 1) / 2 else { throw .unhealthy }
    }
}

extension ClusterBook.Member {
    /// Nil when the URLs are none.
    init?(added request: EtcdMemberAddRequest, atUnixSeconds time: Int64) {
        guard let urls = Self.checked(request.peerUrls) else { return nil }
        self.init(
            id: ClusterIdentity.memberID(peerURLs: urls, token: "", addedAtUnixSeconds: time), name: "",
            peerURLs: urls, isLearner: request.isLearner)
    }

    /// Sorted, as etcd keeps them.
    static func checked(_ peerURLs: [String]) -> [String]? {
        guard !peerURLs.isEmpty else { return nil }
        var urls: [String] = []
        for text in peerURLs {
            guard let url = try? ServiceURL(text) else { return nil }
            urls.append(url.description)
        }
        return urls.sorted()
    }
}

extension EtcdMember {
    init(_ member: ClusterBook.Member) {
        self.init()
        id = member.id
        name = member.name
        peerUrls = member.peerURLs
        clientUrls = member.clientURLs
        isLearner = member.isLearner
    }
}
