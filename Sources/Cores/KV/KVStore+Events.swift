import ApusPrimitives

extension KVStore {
    /// The changes of keys in `range` from revision `from` on, in order.
    ///
    /// The events of one revision are never split: the answer ends with the first revision that fills `limit` or `limitBytes`, or
    /// when `scanLimit` changes of any key have been looked at. Go on at `next`; it is above `revision` at the end.
    /// - Parameters:
    ///   - limit: about how many events to answer with; at least 1.
    ///   - limitBytes: about how many bytes of keys and values.
    ///   - previous: fill in each event's `previous`, which costs a look-up.
    ///   - scanLimit: bounds the work for a range that changes rarely.
    /// - Throws: `compacted` if `from` is before the compacted revision, `emptyKey`.
    public func events(
        in range: KeyRange, from: Revision, limit: Int, limitBytes: Int = .max, previous: Bool = true,
        scanLimit: Int = .max
    ) throws(KVError) -> (events: [Event], next: Revision) {
        guard !range.start.isEmpty else { throw .emptyKey }
        guard from >= compactedRevision else { throw .compacted(compactedRevision) }
        guard from <= revision else { return ([], from) }
        if range.end == .single {
            return events(of: range.start, from: from, limit: limit, limitBytes: limitBytes, previous: previous)
        }
        var events: [Event] = []
        var (scanned, bytes) = (0, 0)
        var last = Int64.min
        var cursor = log.cursor(from: .start(of: from.rawValue))
        while let record = cursor.next()?.value {
            let main = record.point.main
            let isFull = events.count >= max(1, limit) || bytes >= limitBytes || scanned >= max(1, scanLimit)
            if main != last, isFull {
                return (events, Revision(main))
            }
            last = main
            scanned += 1
            guard range.contains(record.kv.key) else { continue }
            let event = event(for: record, previous: previous)
            bytes += event.bytes
            events.append(event)
        }
        return (events, revision.next)
    }

    /// The same for one key, without looking at the changes of others.
    private func events(
        of key: Bytes, from: Revision, limit: Int, limitBytes: Int, previous: Bool
    ) -> (events: [Event], next: Revision) {
        var events: [Event] = []
        var bytes = 0
        var cursor = past.cursor(from: VersionKey(key: key, point: .start(of: from.rawValue)))
        var latest = live[key]
        while true {
            var record: Record?
            if let entry = cursor.next(), entry.key.key == key {
                record = entry.value
            } else {
                record = latest
                latest = nil
            }
            guard let record, record.kv.modRevision >= from else { return (events, revision.next) }
            if events.count >= max(1, limit) || bytes >= limitBytes, record.kv.modRevision != events.last?.revision {
                return (events, record.kv.modRevision)
            }
            let event = event(for: record, previous: previous)
            bytes += event.bytes
            events.append(event)
        }
    }

    func event(for record: Record, previous: Bool) -> Event {
        // What was deleted and put again in one revision is new, as in etcd.
        let isNew = record.kv.createRevision == record.kv.modRevision
        let before = previous && !isNew ? previousVersion(of: record) : nil
        return Event(kind: record.isDeletion ? .delete : .put, kv: record.kv, previous: before)
    }

    private func previousVersion(of record: Record) -> KeyValue? {
        let main = record.point.main - 1
        return main < compacted ? nil : version(of: record.kv.key, asOf: main)?.kv
    }
}
