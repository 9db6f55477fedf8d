import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft

/// What a cluster replicates: keys and leases, users and roles, who is a member, and the alarms.
///
/// Leases end by commands of the leader alone, so no clock is here: the times of `store`'s leases mean nothing.
struct ControlMachine: StateMachine {
    var store: KVStore
    var auth: AuthStore
    var cluster: ClusterBook
    var alarms = AlarmBook()
    /// Tells whoever keeps time; no part of the state.
    let leaseNotices = LeaseNotices()

    /// - Parameter minimumLeaseTTLSeconds: the same on every member.
    init(cluster: ClusterBook, tokens: AuthTokens = AuthTokens(), minimumLeaseTTLSeconds: Int64 = 2) {
        store = KVStore(minimumLeaseTTLSeconds: minimumLeaseTTLSeconds)
        auth = AuthStore(tokens: tokens)
        self.cluster = cluster
    }

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex) -> ControlAnswer {
        apply(command, at: index, term: .zero)
    }

    mutating func apply(_ command: ArraySlice<UInt8>, at index: LogIndex, term: Term) -> ControlAnswer {
        let result: Result<ControlResponse, EtcdError>
        do {
            result = .success(try apply(try ControlCommand(decoding: command), term))
        } catch let error as EtcdError {
            result = .failure(error)
        } catch {
            result = .failure(
                EtcdError(.internalError, "etcdserver: a command that this version does not know: \(error)"))
        }
        return ControlAnswer(result: result, revision: store.revision)
    }

    private mutating func apply(_ command: ControlCommand, _ term: Term) throws(EtcdError) -> ControlResponse {
        switch command {
        case .kv(let command, let caller):
            try auth.check(caller, command, on: store)
            return .kv(try applyKV(command))
        case .expire(let lease, let counted):
            guard counted == term else { throw .notLeader }
            return .kv(try applyKV(.revoke(lease)))
        case .auth(let command, let caller):
            return .auth(try auth.apply(command, caller))
        case .member(let command): return .member(try cluster.apply(command))
        case .alarm(let command): return .alarm(alarms.apply(command))
        }
    }

    private mutating func applyKV(_ command: Command) throws(EtcdError) -> CommandResponse {
        try alarms.check(command)
        do throws(KVError) {
            let response = try apply(command)
            switch (command, response) {
            case (_, .grant(let lease)): leaseNotices.add(.granted(lease.id, ttlSeconds: lease.grantedTTLSeconds))
            case (.revoke(let id), _): leaseNotices.add(.ended(id))
            default: break
            }
            return response
        } catch {
            throw EtcdError(error)
        }
    }

    /// Whoever proposed a transaction has counted its operations, by a limit of its own.
    private mutating func apply(_ command: Command) throws(KVError) -> CommandResponse {
        if case .txn(let request) = command { return .txn(try store.txn(request, maximumOperations: .max)) }
        return try store.apply(command, at: .zero)
    }
}
