import ApusKV
import ApusPrimitives

/// The store again, written to be obviously right: the whole state of every revision, and a list of all events.
struct Oracle {
    var revision: Int64 = 1
    var compacted: Int64 = -1
    var states: [Int64: [Bytes: KeyValue]] = [1: [:]]
    var events: [Event] = []
    var leases: [LeaseID: Lease] = [:]

    var state: [Bytes: KeyValue] { states[revision] ?? [:] }

    func keyValues(in range: KeyRange, of state: [Bytes: KeyValue]) -> [KeyValue] {
        state.values.filter { range.contains($0.key) }.sorted { $0.key < $1.key }
    }

    func range(_ request: RangeRequest) throws(KVError) -> RangeResponse {
        if request.range.start.isEmpty { throw failure(.emptyKey) }
        try check(request.revision)
        return answer(request, now: state, changed: false)
    }

    private func check(_ revision: Revision) throws(KVError) {
        if revision.rawValue > self.revision { throw failure(.futureRevision) }
        if revision > .zero, revision.rawValue < compacted { throw failure(.compacted) }
    }

    func answer(_ request: RangeRequest, now: [Bytes: KeyValue], changed: Bool) -> RangeResponse {
        let state = request.revision <= .zero ? now : states[request.revision.rawValue] ?? [:]
        let all = keyValues(in: request.range, of: state)
        var response = RangeResponse(
            revision: Revision(revision + (changed ? 1 : 0)), kvs: [], more: false, count: all.count)
        if request.countOnly { return response }
        var kvs = all
        var isFiltered = false
        func bound(_ revision: Revision, _ keep: (KeyValue) -> Bool) {
            guard revision != .zero else { return }
            isFiltered = true
            kvs = kvs.filter(keep)
        }
        bound(request.minModRevision) { $0.modRevision >= request.minModRevision }
        bound(request.maxModRevision) { $0.modRevision <= request.maxModRevision }
        bound(request.minCreateRevision) { $0.createRevision >= request.minCreateRevision }
        bound(request.maxCreateRevision) { $0.createRevision <= request.maxCreateRevision }
        if request.sortOrder == .none, !isFiltered, request.limit > 0 { kvs = Array(kvs.prefix(request.limit + 1)) }
        // Insertion sort: short, and equal ones stay in place.
        var sorted: [KeyValue] = []
        for kv in kvs {
            let index = sorted.firstIndex { other in
                let isLess = compare(kv, other, request.sortTarget) < 0
                let isMore = compare(kv, other, request.sortTarget) > 0
                return request.sortOrder == .descend ? isMore : isLess
            }
            sorted.insert(kv, at: index ?? sorted.endIndex)
        }
        if request.limit > 0, sorted.count > request.limit {
            sorted = Array(sorted.prefix(request.limit))
            response.more = true
        }
        response.kvs = sorted.map { kv in
            var kv = kv
            if request.keysOnly { kv.value = "" }
            return kv
        }
        return response
    }

    private func compare(_ left: KeyValue, _ right: KeyValue, _ target: RangeRequest.SortTarget) -> Int64 {
        func order(_ left: Bytes, _ right: Bytes) -> Int64 { left == right ? 0 : left < right ? -1 : 1 }
        return switch target {
        case .key: order(left.key, right.key)
        case .value: order(left.value, right.value)
        case .version: left.version - right.version
        case .create: left.createRevision.rawValue - right.createRevision.rawValue
        case .mod: left.modRevision.rawValue - right.modRevision.rawValue
        }
    }

    /// The changes of one transaction, on a copy of the state.
    struct Work {
        var state: [Bytes: KeyValue]
        var events: [Event] = []
    }

    mutating func commit(_ work: Work) {
        guard !work.events.isEmpty else { return }
        revision += 1
        states[revision] = work.state
        events += work.events
    }

    mutating func put(_ request: PutRequest) throws(KVError) -> PutResponse {
        try checkForm(request)
        if request.lease != .none, leases[request.lease] == nil { throw failure(.leaseNotFound) }
        if request.ignoreValue || request.ignoreLease, state[request.key] == nil { throw failure(.keyNotFound) }
        var work = Work(state: state)
        let response = put(request, &work)
        commit(work)
        return response
    }

    func checkForm(_ request: PutRequest) throws(KVError) {
        if request.key.isEmpty { throw failure(.emptyKey) }
        if request.ignoreValue, request.value != "" { throw failure(.valueProvided) }
        if request.ignoreLease, request.lease != .none { throw failure(.leaseProvided) }
    }

    func put(_ request: PutRequest, _ work: inout Work) -> PutResponse {
        let before = work.state[request.key]
        let now = Revision(revision + 1)
        let kv = KeyValue(
            key: request.key, value: request.ignoreValue ? before?.value ?? "" : request.value,
            createRevision: before?.createRevision ?? now, modRevision: now, version: (before?.version ?? 0) + 1,
            lease: request.ignoreLease ? before?.lease ?? .none : request.lease)
        work.state[request.key] = kv
        work.events.append(Event(kind: .put, kv: kv, previous: kv.createRevision == now ? nil : state[request.key]))
        return PutResponse(revision: now, previous: request.previous ? before : nil)
    }

    mutating func delete(_ request: DeleteRangeRequest) throws(KVError) -> DeleteRangeResponse {
        if request.range.start.isEmpty { throw failure(.emptyKey) }
        var work = Work(state: state)
        let response = delete(request, &work)
        commit(work)
        return response
    }

    func delete(_ request: DeleteRangeRequest, _ work: inout Work) -> DeleteRangeResponse {
        let doomed = keyValues(in: request.range, of: work.state)
        let now = Revision(revision + 1)
        for kv in doomed {
            work.state[kv.key] = nil
            let deletion = KeyValue(key: kv.key, value: "", createRevision: .zero, modRevision: now, version: 0)
            work.events.append(Event(kind: .delete, kv: deletion, previous: state[kv.key]))
        }
        return DeleteRangeResponse(
            revision: work.events.isEmpty ? Revision(revision) : now, deleted: doomed.count,
            previous: request.previous ? doomed : [])
    }

    mutating func compact(at target: Revision) throws(KVError) {
        if target.rawValue <= compacted { throw failure(.compacted) }
        if target.rawValue > revision { throw failure(.futureRevision) }
        compacted = target.rawValue
        states = states.filter { $0.key >= compacted }
        events = events.filter { $0.revision >= target }
        for index in events.indices where events[index].revision == target { events[index].previous = nil }
    }

    func failure(_ code: KVError.Code) -> KVError {
        KVError(code: code, message: "", compactRevision: code == .compacted ? Revision(max(0, compacted)) : nil)
    }
}
