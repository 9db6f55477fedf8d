import ApusPrimitives
import ApusRaft
import Logging

/// A caller that waits for a change of members to be in force and committed.
struct ChangeWaiter {
    let index: LogIndex
    let term: Term
    let deadline: UInt64
    let finish: @Sendable (Result<Void, NodeError>) -> Void
}

extension Driver {
    func change(_ changes: [MemberChange], _ finish: @escaping @Sendable (Result<Void, NodeError>) -> Void) {
        if isEnded { return finish(.failure(inbox.end ?? stopped)) }
        let resolved: ResolvedChange
        do throws(NodeError) {
            resolved = try ResolvedChange(changes, raft.status) { book.removed.contains($0) }
        } catch {
            return finish(.failure(error))
        }
        // With everybody's address: a node that joins learns all of them.
        var addresses = MemberBook(known.sorted)
        addresses.learn(MemberBook(resolved.members))
        do throws(Refusal) {
            let (term, index) = try raft.propose(
                ConfigurationChange(resolved.steps, context: addresses.encoded()))
            self.changes.append(
                ChangeWaiter(
                    index: index, term: term, deadline: now + UInt64(settings.timeoutTicks), finish: finish))
        } catch {
            finish(.failure(NodeError(error, leader: leader)))
        }
    }

    func transferLeadership(to target: NodeID) -> NodeError? {
        if isEnded { return inbox.end ?? stopped }
        do throws(Refusal) {
            try raft.transferLeadership(to: target)
            return nil
        } catch {
            return NodeError(error, leader: leader)
        }
    }

    /// A change is done when its own entry is applied, and the joint configuration, if it needed one, is left.
    func settleChanges(_ entry: Entry) {
        changes.removeAll { change in
            if entry.index == change.index, entry.term != change.term {
                change.finish(
                    .failure(
                        NodeError(
                            .notLeader, "another leader took over before the change was committed",
                            retry: .after(.milliseconds(100)), leader: leader)))
                return true
            }
            guard entry.index >= change.index, case .configuration(let configuration, _) = entry.payload,
                !configuration.isJoint
            else { return false }
            change.finish(.success(()))
            return true
        }
    }

    func expireChanges() {
        changes.removeAll { change in
            guard change.deadline <= now else { return false }
            change.finish(
                .failure(
                    NodeError(.timeout, "the change of members was not committed in time", mayHaveHappened: true)))
            return true
        }
    }

    func endChanges(_ error: NodeError) {
        for change in changes { change.finish(.failure(error)) }
        changes = []
    }

    /// A configuration is in force as soon as it is in the log: its members have to be reached before it is committed.
    func learn(from entries: [Entry]) {
        for entry in entries {
            guard case .configuration(_, let context) = entry.payload else { continue }
            if let addresses = MemberBook(decoding: context) { known.learn(addresses) }
            updatePeers()
        }
    }

    /// - Parameter member: a peer who told where it listens.
    func met(_ member: Member) {
        guard !member.address.isEmpty, !book.removed.contains(member.id) else { return }
        if known[member.id] == nil { known.learn(MemberBook([member])) }
        callers.removeAll { $0 == member.id }
        callers.append(member.id)
        callers.removeFirst(max(0, callers.count - Self.maximumCallers))
        updatePeers()
    }

    /// Peers that introduced themselves and are answered whether members or not, those of whom it was last.
    private static let maximumCallers = 16

    func updatePeers() {
        let members = raft.configuration.members
        // Who is behind, and has a log that does not tell of today's leader yet, must answer it to get any further.
        let strangers = callers.filter { !members.contains($0) && !book.removed.contains($0) }
        let reachable = members.isEmpty ? known.sorted : (members + strangers).compactMap { known[$0] }
        let others = reachable.filter { $0.id != id }
        guard others != peers || book.removed != removedPeers else { return }
        peers = others
        removedPeers = book.removed
        transport.update(peers: others, removed: Set(book.removed))
    }

    func membersApplied(_ configuration: Configuration, _ context: Bytes, at entry: Entry) {
        if let addresses = MemberBook(decoding: context) { book.learn(addresses) }
        book.keep(configuration.members)
        changeAppliedMembers(to: configuration.members)
        updatePeers()
        logger.info(
            "members changed",
            metadata: [
                "node": "\(id)", "voters": "\(configuration.voters)", "learners": "\(configuration.learners)",
                "joint": "\(configuration.isJoint)", "index": "\(entry.index)",
            ])
    }

    /// Whoever was a member and is none now is removed for good.
    func changeAppliedMembers(to members: [NodeID]) {
        let gone = appliedMembers.filter { !members.contains($0) }
        appliedMembers = members
        book.remove(gone)
        if gone.contains(id) { wasRemoved("it was removed from its cluster") }
        for peer in gone where peer != id { askedIsRemoved(peer) }
    }

    func wasRemoved(_ reason: String) {
        if removal == nil { removal = (now, reason) }
    }

    /// An election's time after it learned of it: the others learn that it is committed, and callers here get their answers.
    func endIfRemoved() {
        guard let removal, removal.since + UInt64(settings.raft.electionTicks) <= now else { return }
        fail(NodeError(.removed, "node \(id) ends: \(removal.reason)"))
    }
}
