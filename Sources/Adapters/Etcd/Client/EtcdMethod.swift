import ApusEtcdAPI
import ApusGRPC

/// What is known of a call beside its messages.
struct EtcdMethod: Sendable {
    enum Effect: Sendable {
        /// It changes nothing, or the same again: it may be repeated whatever became of it.
        case none
        /// It may be repeated only where it surely was not done.
        case once
    }

    let path: String
    let effect: Effect
    /// A member without a leader cannot answer it.
    let needsLeader: Bool

    private init(_ service: String, _ name: String, _ effect: Effect, needsLeader: Bool = true) {
        path = "\(service)/\(name)"
        self.effect = effect
        self.needsLeader = needsLeader
    }

    static let range = EtcdMethod(EtcdService.kv, "Range", .none)
    /// Of whatever the member has.
    static let serializableRange = EtcdMethod(EtcdService.kv, "Range", .none, needsLeader: false)
    static let put = EtcdMethod(EtcdService.kv, "Put", .once)
    static let deleteRange = EtcdMethod(EtcdService.kv, "DeleteRange", .once)
    static let txn = EtcdMethod(EtcdService.kv, "Txn", .once)
    static let readOnlyTxn = EtcdMethod(EtcdService.kv, "Txn", .none)
    static let compact = EtcdMethod(EtcdService.kv, "Compact", .once)

    static let watch = EtcdMethod(EtcdService.watch, "Watch", .none)

    static let leaseGrant = EtcdMethod(EtcdService.lease, "LeaseGrant", .once)
    static let anyLeaseGrant = EtcdMethod(EtcdService.lease, "LeaseGrant", .none)
    static let leaseRevoke = EtcdMethod(EtcdService.lease, "LeaseRevoke", .once)
    static let leaseKeepAlive = EtcdMethod(EtcdService.lease, "LeaseKeepAlive", .none)
    static let leaseTimeToLive = EtcdMethod(EtcdService.lease, "LeaseTimeToLive", .none)
    static let leaseLeases = EtcdMethod(EtcdService.lease, "LeaseLeases", .none)

    static let memberAdd = EtcdMethod(EtcdService.cluster, "MemberAdd", .once)
    static let memberRemove = EtcdMethod(EtcdService.cluster, "MemberRemove", .once)
    static let memberUpdate = EtcdMethod(EtcdService.cluster, "MemberUpdate", .once)
    static let memberList = EtcdMethod(EtcdService.cluster, "MemberList", .none)
    static let memberPromote = EtcdMethod(EtcdService.cluster, "MemberPromote", .once)

    static let alarm = EtcdMethod(EtcdService.maintenance, "Alarm", .once)
    static let status = EtcdMethod(EtcdService.maintenance, "Status", .none, needsLeader: false)
    static let defragment = EtcdMethod(EtcdService.maintenance, "Defragment", .once, needsLeader: false)
    static let hash = EtcdMethod(EtcdService.maintenance, "Hash", .none, needsLeader: false)
    static let hashKV = EtcdMethod(EtcdService.maintenance, "HashKV", .none, needsLeader: false)
    static let snapshot = EtcdMethod(EtcdService.maintenance, "Snapshot", .none, needsLeader: false)
    static let moveLeader = EtcdMethod(EtcdService.maintenance, "MoveLeader", .once)
    static let downgrade = EtcdMethod(EtcdService.maintenance, "Downgrade", .once)

    static func auth(_ name: String, _ effect: Effect = .once) -> EtcdMethod {
        EtcdMethod(EtcdService.auth, name, effect)
    }

    // The same lease asks for the same key: whoever asks again stands where it stood.
    static let lock = EtcdMethod(EtcdService.lock, "Lock", .none)
    static let unlock = EtcdMethod(EtcdService.lock, "Unlock", .none)
    static let campaign = EtcdMethod(EtcdService.election, "Campaign", .none)
    static let proclaim = EtcdMethod(EtcdService.election, "Proclaim", .once)
    static let leader = EtcdMethod(EtcdService.election, "Leader", .none)
    static let observe = EtcdMethod(EtcdService.election, "Observe", .none)
    static let resign = EtcdMethod(EtcdService.election, "Resign", .none)
}
