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
            dropPredecessors(of: record)
            // The deletion at the very revision stays until the next compaction, for watchers that start there.
            if record.isDeletion, record.point.main < main { past.remove(record.versionKey) }
        }
        log.removeAll(below: .start(of: main))
    }

    /// Removes the versions that `record` replaced before the compacted revision.
    private mutating func dropPredecessors(of record: Record) {
        let point = record.point.main < compacted ? record.point : .start(of: compacted)
        while let before = past.last(atOrBelow: VersionKey(key: record.kv.key, point: point.predecessor)),
            before.key.key == record.kv.key
        {
            past.remove(before.key)
        }
    }
}

extension Point {
    /// The greatest point less than this one.
    var predecessor: Point { sub > 0 ? Point(main: main, sub: sub - 1) : .end(of: main - 1) }
}
