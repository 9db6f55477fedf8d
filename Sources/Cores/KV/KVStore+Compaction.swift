import ApusPrimitives

extension KVStore {
    /// Gives up all history before `revision`, which itself stays readable, and the memory it took.
    ///
    /// O(log n) for each change given up.
    /// - Throws: `compacted` if that has been done already, `futureRevision`.
    public mutating func compact(at revision: Revision) throws(KVError) {
        let main = revision.rawValue
        guard main > compacted else { throw .compacted(compactedRevision) }
        guard main <= current else { throw .futureRevision }
        compacted = main
        var cursor = log.cursor()
        while let record = cursor.next()?.value, record.point.main <= main {
            dropPredecessor(of: record)
            // The deletion at the very revision stays until the next compaction, for watchers that start there.
            if record.isDeletion, record.point.main < main { forget(record.versionKey) }
        }
        log.removeAll(below: .start(of: main))
    }

    /// The first of the compactions that together do what one at `target` does: what each takes is proportional to the changes that
    /// it gives up, so that nobody has to wait for all at once.
    ///
    /// - Parameter changes: how many it gives up at most, unless a single revision has more.
    /// - Returns: `target`, when that is no further away, or would be refused.
    public func compactionStep(towards target: Revision, changes: Int) -> Revision {
        guard target.rawValue > compacted, target.rawValue <= current else { return target }
        var cursor = log.cursor(at: changes)
        guard let next = cursor.next()?.value.point.main else { return target }
        return Revision(min(target.rawValue, max(next - 1, compacted + 1)))
    }

    /// Removes the version that `record` replaced before the compacted revision. There is one at most: what came before
    /// that one went with it. A created key has replaced nothing, and the deletion before it goes by itself.
    private mutating func dropPredecessor(of record: Record) {
        guard record.kv.version != 1 else { return }
        let point = record.point.main < compacted ? record.point : .start(of: compacted)
        let limit = VersionKey(key: record.kv.key, point: point.predecessor)
        if let before = past.last(atOrBelow: limit), before.key.key == record.kv.key { forget(before.key) }
    }

    private mutating func forget(_ version: VersionKey) {
        if let record = past.remove(version) { recordBytes -= record.bytes }
    }
}

extension Point {
    /// The greatest point less than this one.
    var predecessor: Point { sub > 0 ? Point(main: main, sub: sub - 1) : .end(of: main - 1) }
}
