import ApusPrimitives

/// One change of one key, as the store remembers it.
public struct KeyVersion: Sendable {
    /// For a deletion only the key and the mod revision are set.
    public let kv: KeyValue
    /// The place of the change among those of its revision, from 0.
    public let place: Int64

    public var isDeletion: Bool { kv.version == 0 }

    /// - Parameter kv: of version 0 for a deletion.
    public init(kv: KeyValue, place: Int64) {
        self.kv = kv
        self.place = place
    }

    init(_ record: Record) {
        kv = record.kv
        place = record.sub
    }
}

extension KVStore {
    /// Every change that can still be seen, in the order of revisions: for a copy of the store elsewhere.
    public var history: some Sequence<KeyVersion> {
        var records: [Record] = []
        records.reserveCapacity(live.count + past.count)
        var cursor = RecordCursor(of: self)
        while let record = cursor.next() { records.append(record) }
        records.sort { $0.point < $1.point }
        return records.lazy.map(KeyVersion.init)
    }

    /// The hash that etcd computes of a store with the same changes (3.5, mvcc/hash.go): CRC-32C over the records of its "key"
    /// bucket in the order of revisions, up to `revision` and without those that a compaction would drop.
    ///
    /// O(n log n) in all versions; a copy of the store can be hashed on any thread.
    /// - Parameter revision: `.zero` for the current one; before a negative one there is nothing.
    /// - Throws: `compacted` also for the compacted revision itself, as etcd does; `futureRevision`.
    public func hash(at revision: Revision = .zero) throws(KVError) -> UInt32 {
        guard revision <= .zero || revision.rawValue > compacted else { throw .compacted(compactedRevision) }
        guard revision.rawValue <= current else { throw .futureRevision }
        let target = revision == .zero ? current : revision.rawValue
        var crc = CRC32C()
        crc.update("key".utf8)
        for record in hashed(at: target) { crc.update(EtcdRecord.encoded(record)) }
        return crc.value
    }

    /// How the history is compacted says which versions of before count: the one of each key that `target` sees, or all when
    /// it sees no key at all.
    private func hashed(at target: Int64) -> [Record] {
        var after: [Record] = []
        var kept: [Record] = []
        var before: [Record] = []
        var seesKey = false
        var latest: Record?
        func close() {
            guard let last = latest, !last.isDeletion else { return }
            seesKey = true
            if last.point.main <= compacted { kept.append(last) }
        }
        var cursor = RecordCursor(of: self)
        while let record = cursor.next() {
            guard record.point.main <= target else { continue }
            if let last = latest, last.kv.key != record.kv.key { close() }
            latest = record
            if record.point.main > compacted {
                after.append(record)
            } else if !record.isDeletion {
                before.append(record)
            }
        }
        close()
        return (after + (seesKey ? kept : before)).sorted { $0.point < $1.point }
    }
}

/// A record of etcd's "key" bucket.
public enum EtcdRecord {
    /// The key of the record: the revision, a "_", the place within the revision, and for a deletion a "t".
    public static func key(main: Int64, sub: Int64, isDeletion: Bool = false) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(18)
        withUnsafeBytes(of: main.bigEndian) { key.append(contentsOf: $0) }
        key.append(UInt8(ascii: "_"))
        withUnsafeBytes(of: sub.bigEndian) { key.append(contentsOf: $0) }
        if isDeletion { key.append(UInt8(ascii: "t")) }
        return key
    }

    /// The value of the record: the key-value as protobuf writes `mvccpb.KeyValue`.
    public static func value(_ kv: KeyValue) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: kv.key.count + kv.value.count + 48)
        write(kv, to: &writer)
        return writer.bytes
    }

    static func encoded(_ record: Record) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: record.kv.key.count + record.kv.value.count + 64)
        writer.write(
            raw: key(main: record.point.main, sub: record.point.sub, isDeletion: record.isDeletion))
        var kv = record.kv
        // A deletion names the key and nothing else.
        if record.isDeletion { kv.modRevision = .zero }
        write(kv, to: &writer)
        return writer.bytes
    }

    private static func write(_ kv: KeyValue, to writer: inout ByteWriter) {
        write(kv.key, field: 1, to: &writer)
        let numbers = [kv.createRevision.rawValue, kv.modRevision.rawValue, kv.version]
        for (offset, number) in numbers.enumerated() { write(number, field: UInt8(2 + offset), to: &writer) }
        write(kv.value, field: 5, to: &writer)
        write(kv.lease.rawValue, field: 6, to: &writer)
    }

    private static func write(_ bytes: Bytes, field: UInt8, to writer: inout ByteWriter) {
        guard !bytes.isEmpty else { return }
        writer.write(field << 3 | 2)
        writer.write(bytes)
    }

    private static func write(_ number: Int64, field: UInt8, to writer: inout ByteWriter) {
        guard number != 0 else { return }
        writer.write(field << 3)
        writer.writeVariable(UInt64(bitPattern: number))
    }
}
