import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft

/// What this member has applied, in short.
struct MemberView: Sendable {
    var revision = Revision(1)
    var isLearner = false
    var storedBytes: Int64 = 0
    /// The alarm is raised, by any member.
    var hasNoSpace = false
}

/// What a member does beside its replicated state, on its node's event loop: watches and the time of leases.
final class MemberObserver: NodeObserver {
    let watches: WatchHub
    let leases: LeaseKeeper
    private let memberID: UInt64
    private let shared = Locked(MemberView())
    private let owner = Locked<WeakNode>(WeakNode())

    init(watches: WatchHub, leases: LeaseKeeper, memberID: UInt64) {
        self.watches = watches
        self.leases = leases
        self.memberID = memberID
    }

    /// Once, before the node runs.
    func attach(_ node: ReplicatedNode<ControlMachine>) {
        watches.node = node
        leases.node = node
        owner.withLock { $0.node = node }
    }

    var view: MemberView { shared.withLock { $0 } }

    func applied(_ machine: ControlMachine, through index: LogIndex, term: Term) {
        see(machine)
        leases.applied(machine.store, term)
        watches.applied(machine.store)
    }

    func restored(_ machine: ControlMachine, at index: LogIndex) {
        see(machine)
        leases.restored(machine.store)
        watches.applied(machine.store)
    }

    private func see(_ machine: ControlMachine) {
        let view = MemberView(
            revision: machine.store.revision, isLearner: machine.cluster[memberID]?.isLearner ?? false,
            storedBytes: machine.store.storedBytes, hasNoSpace: machine.alarms.isRaised(.noSpace))
        shared.withLock { $0 = view }
    }

    func standingChanged(_ standing: Standing) {
        watches.standingChanged(standing)
        leases.standingChanged(standing)
    }

    func answer(_ request: [UInt8], _ reply: @escaping @Sendable (Result<[UInt8], NodeError>) -> Void) {
        guard let node = owner.withLock({ $0.node }) else {
            return reply(.failure(NodeError(.stopped, "the node has stopped")))
        }
        ControlCore.answer(request, node: node, leases: leases, reply)
    }

    private struct WeakNode {
        weak var node: ReplicatedNode<ControlMachine>?
    }
}
