import ApusPrimitives

extension KVStore {
    /// Writes one key at a new revision.
    /// - Throws: `emptyKey`, `valueProvided`, `leaseProvided`, `leaseNotFound`, `keyNotFound`.
    public mutating func put(_ request: PutRequest) throws(KVError) -> PutResponse {
        try request.check()
        if request.lease != .none, leaseTable[request.lease] == nil { throw .leaseNotFound }
        if request.needsKey, live[request.key] == nil { throw .keyNotFound }
        var changes: Int64 = 0
        let response = write(request, changes: &changes)
        current += 1
        return response
    }

    /// Deletes the keys of a range, at a new revision if there are any.
    /// - Throws: `emptyKey`.
    public mutating func delete(_ request: DeleteRangeRequest) throws(KVError) -> DeleteRangeResponse {
        guard !request.range.start.isEmpty else { throw .emptyKey }
        var changes: Int64 = 0
        let response = erase(request, changes: &changes)
        if changes > 0 { current += 1 }
        return response
    }

    /// A put that has been checked; `changes` counts what its transaction has changed so far.
    mutating func write(_ request: PutRequest, changes: inout Int64) -> PutResponse {
        let point = Point(main: current + 1, sub: changes)
        changes += 1
        let (record, replaced) = live.update(request.key) { replaced in
            Record(kv: request.keyValue(replacing: replaced?.kv, at: Revision(point.main)), sub: point.sub)
        }
        if let replaced {
            past.insert(replaced, for: replaced.versionKey)
            detach(replaced.kv)
        }
        log.insert(record, for: point)
        recordBytes += record.bytes
        attach(record.kv)
        return PutResponse(revision: Revision(point.main), previous: request.previous ? replaced?.kv : nil)
    }

    mutating func erase(_ request: DeleteRangeRequest, changes: inout Int64) -> DeleteRangeResponse {
        let bounds = liveBounds(of: request.range)
        var doomed: [Record] = []
        doomed.reserveCapacity(bounds.count)
        var cursor: PersistentMap<Bytes, Record>.Cursor? = live.cursor(at: bounds.lowerBound)
        while doomed.count < bounds.count, let entry = cursor?.next() { doomed.append(entry.value) }
        // A cursor holds on to nodes, which would then be copied instead of changed in place.
        cursor = nil
        for record in doomed {
            erase(record, at: Point(main: current + 1, sub: changes))
            changes += 1
        }
        return DeleteRangeResponse(
            revision: Revision(current + (changes > 0 ? 1 : 0)), deleted: doomed.count,
            previous: request.previous ? doomed.map(\.kv) : [])
    }

    private mutating func erase(_ record: Record, at point: Point) {
        let deletion = Record(deletionOf: record.kv.key, at: point)
        live.remove(record.kv.key)
        past.insert(record, for: record.versionKey)
        past.insert(deletion, for: deletion.versionKey)
        log.insert(deletion, for: point)
        recordBytes += deletion.bytes
        detach(record.kv)
    }
}

extension PutRequest {
    var needsKey: Bool { ignoreValue || ignoreLease }

    func keyValue(replacing before: KeyValue?, at revision: Revision) -> KeyValue {
        KeyValue(
            key: before?.key ?? key, value: ignoreValue ? before?.value ?? .empty : value,
            createRevision: before?.createRevision ?? revision, modRevision: revision,
            version: (before?.version ?? 0) + 1, lease: ignoreLease ? before?.lease ?? .none : lease)
    }

    /// What can be said without looking at a store.
    func check() throws(KVError) {
        if key.isEmpty { throw .emptyKey }
        if ignoreValue, !value.isEmpty { throw .valueProvided }
        if ignoreLease, lease != .none { throw .leaseProvided }
    }
}
