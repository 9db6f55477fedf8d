import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import ServiceLifecycle

/// Makes Raft's configuration what the book of members says, at the leader: the book is changed first, so that members which ask
/// for the impossible are refused in one place, and whoever was interrupted between the two is helped on by the next leader.
struct ClusterKeeper: Service {
    private static let interval = Duration.milliseconds(500)

    let core: ControlCore

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if core.node.standing.role == .leader {
                    do throws(EtcdError) {
                        try await core.settleMembers()
                    } catch {
                        core.logger.debug("the members are not settled yet", metadata: ["error": "\(error)"])
                    }
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
        try? await gracefulShutdown()
    }
}

extension ControlCore {
    /// Returns when the configuration has the members of the book.
    ///
    /// - Throws: `.timeout` and the like: it is tried again.
    func settleMembers() async throws(EtcdError) {
        let book = try await read(linearizable: true) { machine in machine.cluster }
        let status: NodeStatus
        do {
            status = try await node.status
        } catch {
            throw EtcdError(node: error)
        }
        // One step each: two members at once would need a joint configuration.
        for change in ClusterChanges.between(book, status.raft.configuration, status.members) {
            if case .remove(let leaving) = change { await relieve(leaving, status.raft) }
            do {
                try await node.change([change])
            } catch let error as NodeError where error.code == .changeUnderWay {
                // Somebody else is at it, for the same end as a rule.
                try? await Task.sleep(for: settings.heartbeatInterval)
                throw .timeout
            } catch {
                throw EtcdError(node: error)
            }
        }
    }

    /// Lets another voter lead when `leaving` does: who leads and goes is gone before the others hear that it may, and they, and
    /// whoever asked for it, would have to wait for an election.
    private func relieve(_ leaving: NodeID, _ status: Status) async {
        guard status.standing.leader == leaving else { return }
        let heirs = status.configuration.voters.filter { $0 != leaving }
        let own = NodeID(memberID)
        let newest = status.peers.filter { heirs.contains($0.id) && $0.isRecentlyActive }
            .max { $0.matchIndex < $1.matchIndex }
        guard let heir = heirs.contains(own) ? own : newest?.id ?? heirs.first else { return }
        do {
            try await node.transferLeadership(to: heir)
        } catch {
            logger.info("the member that leaves leads to its end", metadata: ["error": "\(error)"])
        }
    }
}

enum ClusterChanges {
    /// What makes the configuration that of the book; promotions are not among them, for only a learner that keeps up votes.
    static func between(
        _ book: ClusterBook, _ configuration: Configuration, _ addresses: [Member]
    ) -> [MemberChange] {
        guard !configuration.isJoint else { return [] }
        var changes: [MemberChange] = []
        for member in book.members {
            guard let node = member.node else { continue }
            if !configuration.members.contains(node.id) {
                changes.append(member.isLearner ? .addLearner(node) : .addVoter(node))
            } else if let known = addresses.first(where: { $0.id == node.id }), known.address != node.address {
                changes.append(.update(node))
            }
        }
        for id in configuration.members where book[id.rawValue] == nil { changes.append(.remove(id)) }
        return changes
    }
}

extension ClusterBook.Member {
    /// Nil for a member without an address, which nobody could reach.
    var node: Member? {
        guard let first = peerURLs.min(), let url = try? ServiceURL(first) else { return nil }
        return Member(NodeID(id), at: url.authority)
    }
}
