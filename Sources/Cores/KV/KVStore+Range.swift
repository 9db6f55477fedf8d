import ApusPrimitives

extension KVStore {
    /// Reads a range.
    ///
    /// At the current revision O(log n) and the key-values answered, also for a count; at an older one, or with sorting
    /// or revision filters, as long as the range is.
    /// - Throws: `emptyKey`, `compacted`, `futureRevision`.
    public func range(_ request: RangeRequest) throws(KVError) -> RangeResponse {
        guard !request.range.start.isEmpty else { throw .emptyKey }
        try checkReadable(request.revision)
        return read(request, changes: 0)
    }

    func checkReadable(_ revision: Revision) throws(KVError) {
        guard revision > .zero else { return }
        if revision.rawValue > current { throw .futureRevision }
        if revision.rawValue < compacted { throw .compacted(compactedRevision) }
    }

    /// `changes` counts what the transaction around this read has changed so far, which it sees.
    func read(_ request: RangeRequest, changes: Int64) -> RangeResponse {
        let isCurrent = request.revision <= .zero || request.revision.rawValue == current && changes == 0
        var response = RangeResponse(
            revision: Revision(current + (changes > 0 ? 1 : 0)), kvs: [], more: false, count: 0)
        if isCurrent, request.range.end == .single {
            response.kvs = live[request.range.start].map { [$0.kv] } ?? []
        } else if isCurrent {
            let bounds = liveBounds(of: request.range)
            response.count = bounds.count
            guard !request.countOnly else { return response }
            response.kvs = liveKeyValues(bounds, for: request)
            request.arrange(&response)
            return response
        } else {
            response.kvs = keyValues(in: request.range, asOf: request.revision.rawValue)
        }
        response.count = response.kvs.count
        if request.countOnly {
            response.kvs = []
        } else {
            request.arrange(&response)
        }
        return response
    }

    /// The offsets of the existing keys of `range` among all of them.
    func liveBounds(of range: KeyRange) -> Range<Int> {
        let low = live.count(below: range.start)
        switch range.end {
        case .single: return low..<(live[range.start] == nil ? low : low + 1)
        case .before(let end): return low..<max(low, live.count(below: end))
        case .unbounded: return low..<live.count
        }
    }

    /// One more than the limit, where no more can be needed.
    private func liveKeyValues(_ bounds: Range<Int>, for request: RangeRequest) -> [KeyValue] {
        var offsets = bounds
        if request.limit > 0, request.limit < bounds.count, !request.hasRevisionFilters {
            switch (request.sortOrder, request.sortTarget) {
            case (.none, _), (.ascend, .key): offsets = bounds.prefix(request.limit + 1)
            case (.descend, .key): offsets = bounds.suffix(request.limit + 1)
            default: break
            }
        }
        var kvs: [KeyValue] = []
        kvs.reserveCapacity(offsets.count)
        var cursor = live.cursor(at: offsets.lowerBound)
        while kvs.count < offsets.count, let entry = cursor.next() { kvs.append(entry.value.kv) }
        return kvs
    }

    /// What existed at revision `main`, in the order of the keys.
    func keyValues(in range: KeyRange, asOf main: Int64) -> [KeyValue] {
        if range.end == .single { return version(of: range.start, asOf: main).map { [$0.kv] } ?? [] }
        var kvs: [KeyValue] = []
        var lives = live.cursor(from: range.start)
        var pasts = past.cursor(from: VersionKey(key: range.start, point: .start(of: 0)))
        var nextLive = lives.next()
        var nextPast = pasts.next()
        while let key = [nextLive?.key, nextPast?.key.key].compactMap({ $0 }).min(), range.contains(key) {
            if let kv = version(of: key, asOf: main)?.kv { kvs.append(kv) }
            if nextLive?.key == key { nextLive = lives.next() }
            if nextPast?.key.key == key {
                pasts = past.cursor(from: VersionKey(key: key, point: .end(of: .max)))
                nextPast = pasts.next()
            }
        }
        return kvs
    }

    /// The version of `key` that revision `main` saw; nil if the key was absent.
    func version(of key: Bytes, asOf main: Int64) -> Record? {
        if let record = live[key], record.point.main <= main { return record }
        let limit = VersionKey(key: key, point: .end(of: main))
        guard let found = past.last(atOrBelow: limit), found.key.key == key, !found.value.isDeletion else { return nil }
        return found.value
    }
}

extension RangeRequest {
    var hasRevisionFilters: Bool {
        minModRevision != .zero || maxModRevision != .zero || minCreateRevision != .zero || maxCreateRevision != .zero
    }

    /// Filters, sorts and cuts off key-values that are in the order of their keys, as etcd does and in its order.
    func arrange(_ response: inout RangeResponse) {
        if hasRevisionFilters {
            response.kvs.removeAll { kv in
                minModRevision != .zero && kv.modRevision < minModRevision
                    || maxModRevision != .zero && kv.modRevision > maxModRevision
                    || minCreateRevision != .zero && kv.createRevision < minCreateRevision
                    || maxCreateRevision != .zero && kv.createRevision > maxCreateRevision
            }
        }
        // etcd fetches one more than the limit before it sorts by a target for which no order was given.
        if sortOrder == .none, !hasRevisionFilters, limit > 0, response.kvs.count > limit {
            response.kvs.removeSubrange((limit + 1)...)
        }
        sort(&response.kvs)
        if limit > 0, response.kvs.count > limit {
            response.kvs.removeSubrange(limit...)
            response.more = true
        }
        if keysOnly {
            for index in response.kvs.indices { response.kvs[index].value = .empty }
        }
    }

    /// Equal ones stay in the order of their keys.
    private func sort(_ kvs: inout [KeyValue]) {
        switch sortTarget {
        case .key:
            if sortOrder == .descend { kvs.reverse() }
        case .version: sort(&kvs) { $0.version }
        case .create: sort(&kvs) { $0.createRevision }
        case .mod: sort(&kvs) { $0.modRevision }
        case .value: sort(&kvs) { $0.value }
        }
    }

    private func sort(_ kvs: inout [KeyValue], by part: (KeyValue) -> some Comparable) {
        if sortOrder == .descend {
            kvs.sort { part($1) < part($0) }
        } else {
            kvs.sort { part($0) < part($1) }
        }
    }
}
