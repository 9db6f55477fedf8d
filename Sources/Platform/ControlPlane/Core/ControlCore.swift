import ApusChannels
import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Logging

/// What every service of a member is given.
final class ControlCore: Sendable {
    let node: ReplicatedNode<ControlMachine>
    let settings: ControlPlaneSettings
    let identity: ClusterIdentity
    let watches: WatchHub
    let leases: LeaseKeeper
    let leaderMonitor: LeaderMonitor
    /// The member stops: streams of clients end, so that nobody waits for them.
    let stopping = Signal<Void>()
    /// What waits because of clients, on all ports.
    let memory: GRPCMemoryBudget
    let tokens: AuthTokens
    let passwords: PasswordWorker
    let logger: Logger
    private let observer: MemberObserver

    init(
        node: ReplicatedNode<ControlMachine>, observer: MemberObserver, settings: ControlPlaneSettings,
        identity: ClusterIdentity, tokens: AuthTokens, logger: Logger
    ) {
        self.node = node
        self.observer = observer
        self.settings = settings
        self.identity = identity
        memory = GRPCMemoryBudget(limitBytes: settings.maxHeldBytes)
        self.tokens = tokens
        passwords = PasswordWorker(cost: settings.bcryptCost)
        self.logger = logger
        watches = observer.watches
        leases = observer.leases
        leaderMonitor = LeaderMonitor(node: node, interval: settings.electionTimeout)
    }

    var clusterID: UInt64 { identity.clusterID }
    var memberID: UInt64 { identity.memberID }

    /// What this member has applied, for who needs no more than that; any thread.
    var view: MemberView { observer.view }

    func header(_ revision: Revision) -> EtcdResponseHeader {
        var header = EtcdResponseHeader()
        header.clusterID = clusterID
        header.memberID = memberID
        header.revision = revision.rawValue
        header.raftTerm = node.standing.term.rawValue
        return header
    }

    func wireHeader(_ revision: Revision) -> WireHeader {
        WireHeader(
            clusterID: clusterID, memberID: memberID, revision: revision.rawValue, term: node.standing.term.rawValue)
    }
}
