import ApusKV
import ApusPrimitives
import ApusResilience
import Logging

/// How an instance settles its share through the store.
///
/// Every instance is known by its lease: `apus/quota/<name>/share/<lease>` is what it has been granted and
/// `apus/quota/<name>/demand/<lease>` what it is asked for, both in thousandths of a permit, with the instance's name behind.
extension SharedQuota {
    /// How often a share is settled anew because others were faster, before the next interval.
    private static let rounds = 4

    func settleForEver() async throws {
        var isAway = false
        while true {
            do {
                try await settle()
                if isAway {
                    logger.info("the store is back: the quota is shared again", metadata: ["quota": "\(name)"])
                }
                isAway = false
            } catch {
                try Task.checkCancellation()
                if !isAway {
                    logger.warning(
                        "the quota's store is away: going on with the last share",
                        metadata: ["quota": "\(name)", "error": "\(error)"])
                }
                isAway = true
                state.withLock { $0.shares.away(at: time.now()) }
            }
            // Not in step with the others, who change the same keys.
            try await time.sleep(for: interval * Double.random(in: 0.9...1.1))
        }
    }

    /// Gives this instance's share to the others at once.
    func giveUp() async {
        let lease = state.withLock { state in
            state.shares.stop(at: time.now())
            return state.lease.take()
        }
        guard let lease else { return }
        do {
            try await limited { try await self.store.revokeLease(lease) }
        } catch {
            logger.warning(
                "the share of the quota ends with its lease", metadata: ["quota": "\(name)", "error": "\(error)"])
        }
    }

    /// Asks what all have, and changes what this instance has.
    private func settle() async throws {
        // What the store counts from when it gets the request, we count from before it is sent.
        let start = time.now()
        let (lease, ttl) = try await renewedLease()
        do {
            let demand = state.withLock { $0.shares.measureDemand(at: start) }
            try await settle(demand, under: lease)
        } catch let error as CoordinationError where error.code == .leaseNotFound {
            forget(lease)
            throw error
        }
        state.withLock { $0.shares.renewed(until: start + ttl, at: time.now()) }
    }

    private func settle(_ demand: Int, under lease: LeaseID) async throws {
        let id = Self.id(lease)
        for _ in 0..<Self.rounds {
            let list = try await limited { try await self.store.list(prefix: self.prefix) }
            var members = members(list.kvs)
            let own = members.firstIndex { $0.id == id }
            if own == nil || !Self.isClose(demand, to: members[own ?? 0].demand) {
                let value = value(demand)
                try await limited { _ = try await self.store.put(self.demandPrefix + Bytes(id), value, lease: lease) }
            }
            if let own { members[own].demand = demand }
            if own == nil { members.append(QuotaShares.Member(id: id, share: 0, demand: demand, revision: 0)) }
            // A share that becomes smaller is used before it is written, one that becomes larger after it.
            let known = members
            guard let write = state.withLock({ $0.shares.read(known, own: id, at: time.now()) }) else { return }
            if try await perform(write, under: lease, readAt: list.revision, members) { return }
        }
    }

    /// - Returns: whether it was done; otherwise somebody was faster.
    private func perform(
        _ write: QuotaShares.Write, under lease: LeaseID, readAt revision: Revision, _ members: [QuotaShares.Member]
    ) async throws -> Bool {
        let id = Self.id(lease)
        let key = sharePrefix + Bytes(id)
        let condition =
            switch write {
            case .lower:
                Compare.unchanged(key, since: Revision(members.first { $0.id == id }?.revision ?? 0))
            case .raise:
                // Of every instance's share, new ones included. One that went away since leaves only more.
                Compare(.prefix(sharePrefix), .mod(revision.next), .less)
            }
        let put = PutRequest(key: key, value: value(write.share), lease: lease)
        let request = TxnRequest(compares: [condition], success: [.put(put)], failure: [])
        let isDone: Bool
        do {
            isDone = try await limited { try await self.store.txn(request).succeeded }
        } catch {
            state.withLock { $0.shares.lost(write, at: time.now()) }
            throw error
        }
        if isDone { state.withLock { $0.shares.wrote(write, at: time.now()) } }
        return isDone
    }

    private func renewedLease() async throws -> (LeaseID, Duration) {
        if let lease = state.withLock({ $0.lease }) {
            do {
                return (lease, .seconds(try await limited { try await self.store.keepAlive(lease) }))
            } catch let error as CoordinationError where error.code == .leaseNotFound {
                forget(lease)
            }
        }
        let grant = try await limited { try await self.store.grantLease(ttlSeconds: self.ttlSeconds) }
        state.withLock { $0.lease = grant.id }
        return (grant.id, .seconds(grant.ttlSeconds))
    }

    private func forget(_ lease: LeaseID) {
        logger.warning("the lease of the quota's share is lost", metadata: ["quota": "\(name)", "lease": "\(lease)"])
        state.withLock { state in
            state.lease = nil
            state.shares.forgotten(at: time.now())
        }
    }

    private func members(_ kvs: [KeyValue]) -> [QuotaShares.Member] {
        var members: [String: QuotaShares.Member] = [:]
        func change(_ kv: KeyValue, after prefix: Bytes, _ body: (inout QuotaShares.Member, Int) -> Void) {
            let id = Bytes(kv.key.array.dropFirst(prefix.count)).text
            // What was written wrongly by hand counts as nothing.
            let number = kv.value.text.prefix { $0 != " " }
            body(
                &members[id, default: QuotaShares.Member(id: id, share: 0, demand: 0, revision: 0)],
                max(Int(number) ?? 0, 0))
        }
        for kv in kvs {
            if kv.key.hasPrefix(sharePrefix) {
                change(kv, after: sharePrefix) {
                    $0.share = $1
                    $0.revision = kv.modRevision.rawValue
                }
            } else if kv.key.hasPrefix(demandPrefix) {
                change(kv, after: demandPrefix) { $0.demand = $1 }
            }
        }
        return members.values.sorted { $0.id < $1.id }
    }

    private func limited<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await Deadline(after: .seconds(ttlSeconds) / 3, from: time.now()).run(on: time, body)
    }

    private func value(_ number: Int) -> Bytes { Bytes("\(number) \(instance)") }

    private var prefix: Bytes { Bytes("apus/quota/\(name)/") }
    private var sharePrefix: Bytes { prefix + "share/" }
    private var demandPrefix: Bytes { prefix + "demand/" }

    private static func id(_ lease: LeaseID) -> String {
        let digits = String(UInt64(bitPattern: lease.rawValue), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Small changes are not worth a write.
    private static func isClose(_ demand: Int, to stored: Int) -> Bool {
        abs(demand - stored) <= stored / 10
    }
}
