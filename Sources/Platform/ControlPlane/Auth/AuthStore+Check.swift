import ApusEtcdAPI
import ApusKV
import ApusPrimitives

/// Who may do what. Asked at the door for what is only read, and for what is written when it is applied: between the two the
/// caller may have lost the right.
extension AuthStore {
    /// A command on keys and leases, with everything that its transactions hold, however deep.
    /// - Parameter store: which keys a lease holds: whoever may not write them may not end it, nor bind others to their fate.
    func check(_ caller: Caller?, _ command: Command, on store: KVStore) throws(EtcdError) {
        guard isEnabled else { return }
        switch command {
        case .put(let request): try check(caller, put: request, on: store)
        case .delete(let request): try check(caller, delete: request)
        case .txn(let request): try check(caller, txn: request, on: store)
        case .revoke(let id): try check(caller, lease: id, on: store)
        // As in etcd, where anybody may.
        case .grant, .compact: break
        }
    }

    func check(_ caller: Caller?, range: KeyRange) throws(EtcdError) {
        try check(caller, range, \.readable)
    }

    func check(_ caller: Caller?, range request: RangeRequest) throws(EtcdError) {
        try check(caller, range: request.range)
    }

    func check(_ caller: Caller?, watch range: KeyRange) throws(EtcdError) {
        try check(caller, range: range)
    }

    /// A transaction that only reads is checked at the door, and so is this.
    func check(_ caller: Caller?, txn request: TxnRequest, on store: KVStore) throws(EtcdError) {
        guard isEnabled else { return }
        for compare in request.compares { try check(caller, range: compare.range) }
        for operations in [request.success, request.failure] {
            for operation in operations {
                switch operation {
                case .range(let request): try check(caller, range: request.range)
                case .put(let request): try check(caller, put: request, on: store)
                case .delete(let request): try check(caller, delete: request)
                case .txn(let nested): try check(caller, txn: nested, on: store)
                }
            }
        }
    }

    /// Revoking a lease writes its keys.
    func check(_ caller: Caller?, lease id: LeaseID, on store: KVStore) throws(EtcdError) {
        guard isEnabled, !isRoot(caller) else { return }
        for key in store.keys(attachedTo: id) { try check(caller, .key(key), \.writable) }
    }

    /// Asking for the keys of a lease reads them.
    func check(_ caller: Caller?, keysOf id: LeaseID, on store: KVStore) throws(EtcdError) {
        guard isEnabled else { return }
        guard let caller else { throw .userEmpty }
        guard !isRoot(caller) else { return }
        for key in store.keys(attachedTo: id) { try check(caller, range: .key(key)) }
    }

    /// Cluster, maintenance and the auth store itself are for users with the root role.
    func checkRoot(_ caller: Caller?) throws(EtcdError) {
        guard isEnabled else { return }
        guard let caller, !caller.user.isEmpty else { throw .userEmpty }
        guard let user = users[caller.user] else { throw .userNotFound }
        guard user.isRoot else { throw .permissionDenied }
    }

    /// Users may look at themselves.
    func check(_ caller: Caller?, lookAtUser name: String) throws(EtcdError) {
        do {
            try checkRoot(caller)
        } catch {
            guard let caller, caller.user == name else { throw error }
        }
    }

    /// Users may look at the roles that they have.
    func check(_ caller: Caller?, lookAtRole name: String) throws(EtcdError) {
        do {
            try checkRoot(caller)
        } catch {
            guard let caller, users[caller.user]?.roles.contains(name) == true else { throw error }
        }
    }

    private func check(_ caller: Caller?, put request: PutRequest, on store: KVStore) throws(EtcdError) {
        try check(caller, .key(request.key), \.writable)
        if request.lease != .none { try check(caller, lease: request.lease, on: store) }
        // What is kept or shown has been read.
        if request.previous { try check(caller, range: .key(request.key)) }
    }

    private func check(_ caller: Caller?, delete request: DeleteRangeRequest) throws(EtcdError) {
        try check(caller, request.range, \.writable)
        if request.previous { try check(caller, range: request.range) }
    }

    private func check(
        _ caller: Caller?, _ range: KeyRange, _ allowed: (AuthRole) -> KeyIntervals
    ) throws(EtcdError) {
        guard isEnabled else { return }
        guard let caller, caller.authRevision > 0 else { throw .userEmpty }
        guard caller.authRevision >= revision else { throw .oldAuthRevision }
        guard let user = users[caller.user] else { throw .permissionDenied }
        if user.isRoot { return }
        let sets = user.roles.compactMap { roles[$0] }.map(allowed)
        guard Self.cover(range, by: sets) else { throw .permissionDenied }
    }

    private func isRoot(_ caller: Caller?) -> Bool {
        caller.flatMap { users[$0.user] }?.isRoot ?? false
    }

    /// Whether the sets together hold every key of the range: goes from the start of the range as far as any set reaches, and
    /// on from there.
    private static func cover(_ range: KeyRange, by sets: [KeyIntervals]) -> Bool {
        guard !range.start.isEmpty else { return false }
        // A range that no key can be in reads nothing, and is measured like its first key.
        let end = range.isEmpty ? Bytes(range.start.array + [0]) : range.firstKeyAfter
        var reached = range.start
        while end.map({ reached < $0 }) ?? true {
            var next: Bytes?
            for set in sets {
                switch set.reach(from: reached) {
                case .nowhere: break
                case .before(let key): next = next.map { max($0, key) } ?? key
                case .unbounded: return true
                }
            }
            guard let next else { return false }
            reached = next
        }
        return true
    }
}
