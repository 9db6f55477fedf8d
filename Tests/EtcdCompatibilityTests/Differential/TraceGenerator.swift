import ApusEtcdAPI
import ApusPrimitives
import Foundation
import SwiftProtobuf

/// Random requests from a seed over a few keys, leases and watches, so that they meet; sane ones, and some that contradict
/// themselves.
struct TraceGenerator {
    /// What requests are about; `APUS_PARTS=keys,watches` leaves the others out, to look at one.
    enum Part: String, CaseIterable { case keys, compaction, hashes, leases, claims, watches, users }

    static let streams = 3
    static let users = ["root", "ann", "bob"]
    static let roles = ["root", "reader", "writer"]

    var random: SeededRandom
    private let parts: Set<Part>
    /// The one range that a role has from a key on: of two, etcd 3.5.1 replaces the permission on one, and adds to the other.
    var permissionEnds: [String: Data] = [:]
    /// No ranges that end before they begin: who may read nothing at all depends in etcd on the shape of a tree.
    private var isOrderly = false

    init(seed: UInt64, parts: Set<Part>) {
        random = SeededRandom(seed: seed)
        self.parts = parts
    }

    mutating func next(_ view: TraceView) -> TraceStep {
        isOrderly = view.isAuthEnabled
        let user = view.isAuthEnabled ? anyUser() : nil
        switch percent() {
        case ..<25 where parts.contains(.users): return authStep(view)
        case 60..<66: return .call(kv("DeleteRange", delete(), EtcdDeleteRangeResponse.self), user: user)
        case 66..<78: return .call(kv("Txn", txn(view, user, depth: 0), EtcdTxnResponse.self), user: user)
        case 78..<80 where parts.contains(.compaction): return .call(compaction(view), user: user)
        case 80..<89 where parts.contains(.leases): return leaseStep(user)
        case 89..<91 where parts.contains(.claims): return claimStep(view, user)
        case 91... where parts.contains(.watches): return watchStep(view, user)
        case ..<42: return .call(kv("Range", range(view), EtcdRangeResponse.self), user: user)
        default: return .call(kv("Put", put(), EtcdPutResponse.self), user: user)
        }
    }

    mutating func percent() -> Int { Int.random(in: 0..<100, using: &random) }

    mutating func chance(_ percent: Int) -> Bool { self.percent() < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

    mutating func anyUser() -> String? { chance(5) ? nil : pick(Self.users) }

    func kv<Request, Reply: EtcdReply>(_ method: String, _ request: Request, _ reply: Reply.Type) -> UnaryCall
    where Request: Message {
        UnaryCall(EtcdService.kv, method, request, reply)
    }

    // MARK: Keys and values

    static let keys: [Data] =
        ["a", "a/1", "a/2", "a/20", "a\u{0}", "b", "b/1", "c"].map { Data($0.utf8) } + [
            Data([0]), Data([0xFF, 0xFF]),
        ]

    mutating func key() -> Data { chance(2) ? Data() : pick(Self.keys) }

    /// One key, a prefix, all from a key on, or any other key, so that it may be before the first.
    mutating func rangeEnd(_ key: Data) -> Data {
        switch percent() {
        case ..<45: Data()
        case ..<55: Data([0])
        case ..<75: Self.prefixEnd(key)
        default: isOrderly ? pick(Self.keys.filter { key.lexicographicallyPrecedes($0) } + [Data()]) : pick(Self.keys)
        }
    }

    static func prefixEnd(_ key: Data) -> Data {
        var end = key
        while let last = end.popLast() {
            if last < 0xFF { return end + [last + 1] }
        }
        return Data([0])
    }

    mutating func value() -> Data { Data(pick(["", "1", "2", "x", "yy", "z"]).utf8) }

    /// Around what is there: compacted, past, now, future.
    mutating func revision(_ view: TraceView) -> Int64 {
        chance(2) ? -1 : Int64.random(in: max(0, view.compacted - 2)...view.revision + 2, using: &random)
    }

    mutating func lease() -> Int64 { Int64.random(in: 1...7, using: &random) }

    // MARK: Requests of KV

    mutating func range(_ view: TraceView) -> EtcdRangeRequest {
        var request = EtcdRangeRequest()
        request.key = key()
        request.rangeEnd = rangeEnd(request.key)
        if chance(30) { request.limit = Int64.random(in: chance(3) ? -1...0 : 1...4, using: &random) }
        if chance(35) { request.revision = revision(view) }
        if chance(40) {
            request.sortOrder = pick([.none, .ascend, .descend])
            request.sortTarget = pick([.key, .version, .create, .mod, .value])
        }
        request.serializable = chance(20)
        request.keysOnly = chance(15)
        request.countOnly = chance(8)
        if chance(8) { request.minModRevision = revision(view) }
        if chance(8) { request.maxModRevision = revision(view) }
        if chance(8) { request.minCreateRevision = revision(view) }
        if chance(8) { request.maxCreateRevision = revision(view) }
        return request
    }

    mutating func put() -> EtcdPutRequest {
        var request = EtcdPutRequest()
        request.key = key()
        request.ignoreValue = chance(8)
        request.ignoreLease = chance(8)
        if !request.ignoreValue || chance(10) { request.value = value() }
        if !request.ignoreLease || chance(10), chance(30) { request.lease = lease() }
        request.prevKv = chance(40)
        return request
    }

    mutating func delete() -> EtcdDeleteRangeRequest {
        var request = EtcdDeleteRangeRequest()
        request.key = key()
        request.rangeEnd = rangeEnd(request.key)
        request.prevKv = chance(40)
        return request
    }

    mutating func txn(_ view: TraceView, _ user: String?, depth: Int) -> EtcdTxnRequest {
        var request = EtcdTxnRequest()
        let compares = depth == 0 ? 0...3 : 0...1
        for _ in 0..<Int.random(in: compares, using: &random) { request.compare.append(compare(view)) }
        if depth == 0, chance(2) {
            let count = chance(50) ? 128 : 129
            request.success = (0..<count).map { _ in .with { $0.requestRange = .with { $0.key = Self.keys[0] } } }
            return request
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            request.success.append(operation(view, user, depth: depth))
        }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            request.failure.append(operation(view, user, depth: depth))
        }
        if depth == 0, request.endsEtcd { return txn(view, user, depth: 0) }
        return request
    }

    private mutating func operation(_ view: TraceView, _ user: String?, depth: Int) -> EtcdRequestOp {
        var operation = EtcdRequestOp()
        // In a transaction etcd 3.5.1 does not ask whether a user may do what is nested, nor what a put reads or adds to a
        // lease (CVE-2026-33343); ours does.
        let mayAll = !view.isAuthEnabled || user == "root"
        switch percent() {
        case ..<1: break
        case ..<30: operation.requestRange = range(view)
        case ..<70:
            operation.requestPut = put()
            if !mayAll {
                operation.requestPut.prevKv = false
                operation.requestPut.lease = 0
            }
        case ..<85 where depth < 2 && mayAll: operation.requestTxn = txn(view, user, depth: depth + 1)
        default: operation.requestDeleteRange = delete()
        }
        return operation
    }

    private mutating func compare(_ view: TraceView) -> EtcdCompare {
        var compare = EtcdCompare()
        compare.key = key()
        if chance(15) { compare.rangeEnd = rangeEnd(compare.key) }
        compare.result = pick([.equal, .greater, .less, .notEqual])
        compare.target = pick([.version, .create, .mod, .value, .lease])
        switch chance(5) ? pick([.version, .create, .mod, .value, .lease]) : compare.target {
        case .version: compare.version = Int64.random(in: 0...3, using: &random)
        case .create: compare.createRevision = chance(30) ? 0 : revision(view)
        case .mod: compare.modRevision = chance(30) ? 0 : revision(view)
        case .value: compare.value = value()
        default: compare.lease = chance(30) ? 0 : lease()
        }
        return compare
    }

    private mutating func compaction(_ view: TraceView) -> UnaryCall {
        if parts.contains(.hashes), chance(25) {
            return UnaryCall(
                EtcdService.maintenance, "HashKV",
                EtcdHashKVRequest.with { $0.revision = chance(50) ? 0 : revision(view) }, EtcdHashKVResponse.self)
        }
        return kv(
            "Compact",
            EtcdCompactionRequest.with {
                $0.revision = chance(20) ? revision(view) : max(view.compacted + 1, view.revision - 20)
                // Otherwise it is not defined when etcd forgets.
                $0.physical = true
            }, EtcdCompactionResponse.self)
    }
}

extension EtcdTxnRequest {
    /// Etcd 3.5.1 does not see that a deletion of all keys from one on deletes a key that is put in the same transaction; when
    /// the put is to keep the value or the lease of that key, the server panics.
    fileprivate var endsEtcd: Bool {
        func any(_ request: EtcdTxnRequest, _ predicate: (EtcdRequestOp) -> Bool) -> Bool {
            (request.success + request.failure).contains { operation in
                if case .requestTxn(let nested) = operation.request { return any(nested, predicate) }
                return predicate(operation)
            }
        }
        let keeps = any(self) { $0.requestPut.ignoreValue || $0.requestPut.ignoreLease }
        return keeps && any(self) { $0.requestDeleteRange.rangeEnd == Data([0]) }
    }
}
