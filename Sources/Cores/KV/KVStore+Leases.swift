public import ApusPrimitives

/// A key that dies with a lease.
struct Attachment: Comparable, Sendable {
    let lease: LeaseID
    let key: Bytes

    static func < (left: Self, right: Self) -> Bool {
        left.lease != right.lease ? left.lease < right.lease : left.key < right.key
    }
}

/// When a lease ends.
struct Expiry: Comparable, Sendable {
    let time: MonotonicTime
    let lease: LeaseID

    static func < (left: Self, right: Self) -> Bool {
        left.time != right.time ? left.time < right.time : left.lease < right.lease
    }
}

extension KVStore {
    /// Grants a lease under an id that the caller chose.
    /// - Parameter ttlSeconds: raised to `minimumLeaseTTLSeconds`.
    /// - Throws: `leaseNotFound` for the id `.none`, `leaseTTLTooLarge`, `leaseExists`.
    @discardableResult
    public mutating func grant(
        _ id: LeaseID, ttlSeconds: Int64, at now: MonotonicTime
    ) throws(KVError) -> Lease {
        guard id != .none else { throw .leaseNotFound }
        guard ttlSeconds <= Self.maximumLeaseTTLSeconds else { throw .leaseTTLTooLarge }
        guard leaseTable[id] == nil else { throw .leaseExists }
        return setExpiry(of: id, ttlSeconds: max(ttlSeconds, minimumLeaseTTLSeconds), from: now)
    }

    /// Ends a lease and deletes its keys, all at one revision.
    /// - Throws: `leaseNotFound`.
    @discardableResult
    public mutating func revoke(_ id: LeaseID) throws(KVError) -> DeleteRangeResponse {
        guard let lease = leaseTable[id] else { throw .leaseNotFound }
        var changes: Int64 = 0
        for key in keys(attachedTo: id) {
            _ = erase(DeleteRangeRequest(.key(key)), changes: &changes)
        }
        leaseTable.remove(id)
        expiries.remove(Expiry(time: lease.expires, lease: id))
        if changes > 0 { current += 1 }
        return DeleteRangeResponse(revision: revision, deleted: Int(changes))
    }

    /// Starts the time to live of a lease anew and returns its seconds. Not for the log: it changes no answer but those
    /// about time.
    /// - Throws: `leaseNotFound`, also for a lease that has expired and only waits to be revoked.
    @discardableResult
    public mutating func keepAlive(_ id: LeaseID, at now: MonotonicTime) throws(KVError) -> Int64 {
        guard let lease = leaseTable[id], !lease.hasExpired(at: now) else { throw .leaseNotFound }
        expiries.remove(Expiry(time: lease.expires, lease: id))
        return setExpiry(of: id, ttlSeconds: lease.grantedTTLSeconds, from: now).grantedTTLSeconds
    }

    public func lease(_ id: LeaseID) -> Lease? {
        leaseTable[id]
    }

    /// How many leases there are.
    public var leaseCount: Int { leaseTable.count }

    /// All leases, in the order of their ids.
    public var leases: [Lease] {
        var leases: [Lease] = []
        var cursor = leaseTable.cursor()
        while let entry = cursor.next() { leases.append(entry.value) }
        return leases
    }

    /// The keys that a lease would take along, in order.
    public func keys(attachedTo id: LeaseID) -> [Bytes] {
        var keys: [Bytes] = []
        var cursor = attachments.cursor(from: Attachment(lease: id, key: .empty))
        while let entry = cursor.next(), entry.key.lease == id { keys.append(entry.key.key) }
        return keys
    }

    /// Leases that have expired, longest ago first, at most `limit`. They live on until somebody revokes them.
    public func expiredLeases(at now: MonotonicTime, limit: Int) -> [LeaseID] {
        var expired: [LeaseID] = []
        var cursor = expiries.cursor()
        while expired.count < limit, let entry = cursor.next(), entry.key.time <= now {
            expired.append(entry.key.lease)
        }
        return expired
    }

    /// When the next lease expires, unless it is renewed.
    public var nextLeaseExpiry: MonotonicTime? { expiries.first?.key.time }

    /// Gives every lease its full time to live from now on: after a restart or a change of leader nobody knows how much
    /// of it has passed, and a lease must never end early.
    public mutating func extendAllLeases(at now: MonotonicTime) {
        expiries = PersistentMap()
        for lease in leases { setExpiry(of: lease.id, ttlSeconds: lease.grantedTTLSeconds, from: now) }
    }

    @discardableResult
    mutating func setExpiry(of id: LeaseID, ttlSeconds: Int64, from now: MonotonicTime) -> Lease {
        let lease = Lease(id: id, grantedTTLSeconds: ttlSeconds, expires: now + .seconds(ttlSeconds))
        leaseTable.insert(lease, for: id)
        expiries.insert((), for: Expiry(time: lease.expires, lease: id))
        return lease
    }

    mutating func attach(_ kv: KeyValue) {
        if kv.lease != .none { attachments.insert((), for: Attachment(lease: kv.lease, key: kv.key)) }
    }

    mutating func detach(_ kv: KeyValue) {
        if kv.lease != .none { attachments.remove(Attachment(lease: kv.lease, key: kv.key)) }
    }
}
