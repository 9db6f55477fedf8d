public import ApusPrimitives

/// Builds a store from the bytes of a snapshot, which may come in pieces of any size.
///
/// Nothing in the bytes is taken on trust: what comes out is a store that the operations could have led to, or an error.
public struct SnapshotDecoder: Sendable {
    private var pending: [UInt8] = []
    private var store: KVStore?
    private var log: [Record] = []
    private var latest: Record?
    private var lastLease: LeaseID?
    private var hasStarted = false
    private var hasEnded = false
    private var items: UInt64 = 0

    public init() {}

    /// - Throws: `malformed`; the decoder is of no use then.
    public mutating func append(_ bytes: some Collection<UInt8>) throws(KVError) {
        pending += bytes
        do {
            try decodeWholeChunks()
        } catch let error as KVError {
            throw error
        } catch {
            throw .malformed("snapshot: \(error)")
        }
    }

    /// The store. Every lease has its full time to live from `now` on.
    /// - Throws: `malformed` if the end of the snapshot has not come.
    public consuming func finish(at now: MonotonicTime) throws(KVError) -> KVStore {
        guard var store, hasEnded else { throw .malformed("the snapshot ends early") }
        self.store = nil
        log.sort { $0.point < $1.point }
        var last: Point?
        for record in log {
            guard record.point != last else { throw .malformed("two changes at \(record.point)") }
            last = record.point
            store.log.insert(record, for: record.point)
        }
        store.extendAllLeases(at: now)
        return store
    }

    private mutating func decodeWholeChunks() throws {
        let start = SnapshotFormat.magic.count + 1
        var consumed = 0
        if !hasStarted {
            guard pending.count >= start else { return }
            guard pending.starts(with: SnapshotFormat.magic) else { throw KVError.malformed("this is no snapshot") }
            guard pending[start - 1] == SnapshotFormat.version else {
                throw KVError.malformed("snapshot of the unknown version \(pending[start - 1])")
            }
            hasStarted = true
            consumed = start
        }
        while pending.count - consumed >= 4 {
            var frame = ByteReader(pending[consumed...])
            let length = Int(try frame.read(UInt32.self))
            guard frame.remaining >= length else { break }
            try decodeChunk(try frame.read(raw: length))
            consumed += 4 + length
        }
        if hasEnded, consumed < pending.count { throw KVError.malformed("bytes follow the end of the snapshot") }
        pending.removeSubrange(..<consumed)
    }

    private mutating func decodeChunk(_ content: ArraySlice<UInt8>) throws {
        guard !hasEnded else { throw KVError.malformed("a chunk follows the last one") }
        var reader = ByteReader(content)
        let tag = try reader.readCase(SnapshotFormat.Tag.self)
        guard (tag == .header) == (store == nil) else { throw KVError.malformed("\(tag) out of place") }
        switch tag {
        case .header: store = try Self.readHeader(from: &reader)
        case .leases: while reader.remaining > 0 { try readLease(from: &reader) }
        case .records: while reader.remaining > 0 { try readRecord(from: &reader) }
        case .end:
            guard try reader.readVariable(UInt64.self) == items else { throw KVError.malformed("items are missing") }
            try closeKey(before: nil)
            hasEnded = true
        }
        guard reader.remaining == 0 else { throw KVError.malformed("\(tag) is too long") }
    }

    private static func readHeader(from reader: inout ByteReader) throws -> KVStore {
        let current = try reader.readVariable(Int64.self)
        let compacted = try reader.readVariable(Int64.self)
        let ttlSeconds = try reader.readVariable(Int64.self)
        return try emptyStore(current: current, compacted: compacted, minimumLeaseTTLSeconds: ttlSeconds)
    }

    private static func emptyStore(
        current: Int64, compacted: Int64, minimumLeaseTTLSeconds ttlSeconds: Int64
    ) throws -> KVStore {
        guard current >= 1, current < .max, compacted >= -1, compacted <= current,
            (1...KVStore.maximumLeaseTTLSeconds).contains(ttlSeconds)
        else { throw KVError.malformed("revision \(current), compacted at \(compacted)") }
        var store = KVStore(minimumLeaseTTLSeconds: ttlSeconds)
        store.current = current
        store.compacted = compacted
        return store
    }

    private mutating func readLease(from reader: inout ByteReader) throws {
        try add(lease: try reader.readLeaseID(), ttlSeconds: try reader.readVariable(Int64.self))
    }

    private mutating func add(lease id: LeaseID, ttlSeconds: Int64) throws {
        let range = (store?.minimumLeaseTTLSeconds ?? 1)...KVStore.maximumLeaseTTLSeconds
        guard id != .none, range.contains(ttlSeconds), latest == nil, lastLease.map({ $0 < id }) ?? true else {
            throw KVError.malformed("lease \(id) of \(ttlSeconds) seconds")
        }
        lastLease = id
        store?.setExpiry(of: id, ttlSeconds: ttlSeconds, from: .zero)
        items += 1
    }

    private mutating func readRecord(from reader: inout ByteReader) throws {
        let key = try reader.readBytes()
        var kv = KeyValue(
            key: key, value: .empty, createRevision: .zero, modRevision: try reader.readRevision(), version: 0)
        let sub = try reader.readVariable(Int64.self)
        kv.version = try reader.readVariable(Int64.self)
        if kv.version != 0 {
            kv.createRevision = try reader.readRevision()
            kv.lease = try reader.readLeaseID()
            kv.value = try reader.readBytes()
        }
        try add(Record(kv: kv, sub: sub))
    }

    private mutating func add(_ record: Record) throws {
        try check(record)
        try closeKey(before: record)
        latest = record
        if record.point.main >= store?.compacted ?? 0 { log.append(record) }
        items += 1
    }

    private func check(_ record: Record) throws {
        let kv = record.kv
        let isSound =
            !kv.key.isEmpty && record.point.main >= 2 && record.point.main <= store?.current ?? 0
            && record.sub >= 0 && record.sub < .max && kv.version >= 0
            && (record.isDeletion || hasSoundHistory(kv))
            && latest.map { $0.versionKey < record.versionKey } ?? true
        guard isSound else { throw KVError.malformed("version \(kv.version) of \(kv.key) at \(record.point)") }
    }

    private func hasSoundHistory(_ kv: KeyValue) -> Bool {
        let created = kv.createRevision.rawValue
        let modified = kv.modRevision.rawValue
        return created >= 2 && created <= modified && kv.version <= modified - created + 1
    }

    /// The record before the one that follows is the last of its key, or of the past.
    private mutating func closeKey(before following: Record?) throws {
        guard let record = latest else { return }
        store?.recordBytes += record.bytes
        guard !record.isDeletion, following?.kv.key != record.kv.key else {
            store?.past.insert(record, for: record.versionKey)
            return
        }
        if record.kv.lease != .none, store?.leaseTable[record.kv.lease] == nil {
            throw KVError.malformed("\(record.kv.key) has the unknown lease \(record.kv.lease)")
        }
        store?.live.insert(record, for: record.kv.key)
        store?.attach(record.kv)
    }
}

extension KVStore {
    /// A store with this history, as another program kept it; looked at as sceptically as a snapshot.
    ///
    /// - Parameters:
    ///   - history: in any order.
    ///   - leases: in any order; each has its full time to live from `now` on, of no less than the minimum.
    ///   - compacted: below `.zero` for a store that has never been compacted.
    /// - Throws: `malformed`.
    public init(
        history: [KeyVersion], leases: [(id: LeaseID, ttlSeconds: Int64)], compacted: Revision,
        minimumLeaseTTLSeconds: Int64 = 2, at now: MonotonicTime = .zero
    ) throws(KVError) {
        let records = history.map { Record(kv: $0.kv, sub: $0.place) }.sorted { $0.versionKey < $1.versionKey }
        let current = records.reduce(max(1, compacted.rawValue)) { max($0, $1.point.main) }
        self = try SnapshotDecoder.store(
            of: records, leases.sorted { $0.id < $1.id }, (current, max(-1, compacted.rawValue)),
            minimumLeaseTTLSeconds, at: now)
    }
}

extension SnapshotDecoder {
    fileprivate static func store(
        of records: [Record], _ leases: [(id: LeaseID, ttlSeconds: Int64)],
        _ revisions: (current: Int64, compacted: Int64), _ minimumLeaseTTLSeconds: Int64, at now: MonotonicTime
    ) throws(KVError) -> KVStore {
        var decoder = SnapshotDecoder()
        do {
            decoder.store = try emptyStore(
                current: revisions.current, compacted: revisions.compacted,
                minimumLeaseTTLSeconds: minimumLeaseTTLSeconds)
            for lease in leases {
                try decoder.add(lease: lease.id, ttlSeconds: max(minimumLeaseTTLSeconds, lease.ttlSeconds))
            }
            for record in records { try decoder.add(record) }
            try decoder.closeKey(before: nil)
        } catch let error as KVError {
            throw error
        } catch {
            throw .malformed("history: \(error)")
        }
        decoder.hasEnded = true
        return try decoder.finish(at: now)
    }
}
