import ApusPrimitives

extension KVStore {
    /// The store as chunks of bytes, made one at a time: a million keys are never held encoded in one piece.
    ///
    /// Concatenated in order they are a snapshot that `SnapshotDecoder` reads. Equal stores give equal bytes; how much
    /// of a lease's time has passed is left out. Damage on disk is for whoever writes it to find.
    /// - Parameter chunkBytes: about the size of a chunk; one holds a version of a key at least.
    public func snapshotChunks(chunkBytes: Int = 1 << 18) -> SnapshotChunks {
        SnapshotChunks(of: self, chunkBytes: chunkBytes)
    }
}

/// The format: "APKV", version, then chunks, each a 4-byte length and its content: a tag and items of one kind, until
/// the chunk ends. The last chunk says how many items there were.
enum SnapshotFormat {
    static let magic = Array("APKV".utf8)
    static let version: UInt8 = 1

    enum Tag: UInt8 {
        case header = 1
        case leases = 2
        case records = 3
        case end = 4
    }
}

public struct SnapshotChunks: Sequence, IteratorProtocol, Sendable {
    private enum Stage {
        case header
        case leases
        case records
        case end
        case done
    }

    private let store: KVStore
    private let chunkBytes: Int
    private var stage = Stage.header
    private var leases: PersistentMap<LeaseID, Lease>.Cursor
    private var records: RecordCursor
    private var items: UInt64 = 0

    init(of store: KVStore, chunkBytes: Int) {
        self.store = store
        self.chunkBytes = Swift.max(2, chunkBytes)
        leases = store.leaseTable.cursor()
        records = RecordCursor(of: store)
    }

    public mutating func next() -> [UInt8]? {
        switch stage {
        case .header:
            stage = .leases
            return header()
        case .leases:
            guard let chunk = fill(.leases, next: { $0.nextLease() }) else {
                stage = .records
                return next()
            }
            return chunk
        case .records:
            guard let chunk = fill(.records, next: { $0.nextRecord() }) else {
                stage = .end
                return next()
            }
            return chunk
        case .end:
            stage = .done
            var content = ByteWriter()
            content.write(SnapshotFormat.Tag.end.rawValue)
            content.writeVariable(items)
            return Self.framed(content.bytes)
        case .done:
            return nil
        }
    }

    private func header() -> [UInt8] {
        var content = ByteWriter()
        content.write(SnapshotFormat.Tag.header.rawValue)
        content.writeVariable(store.current)
        content.writeVariable(store.compacted)
        content.writeVariable(store.minimumLeaseTTLSeconds)
        return SnapshotFormat.magic + [SnapshotFormat.version] + Self.framed(content.bytes)
    }

    private mutating func fill(_ tag: SnapshotFormat.Tag, next: (inout Self) -> ByteWriter?) -> [UInt8]? {
        var content = ByteWriter(reservingCapacity: chunkBytes)
        content.write(tag.rawValue)
        while content.bytes.count < chunkBytes, let item = next(&self) {
            content.write(raw: item.bytes)
            items += 1
        }
        return content.bytes.count > 1 ? Self.framed(content.bytes) : nil
    }

    private mutating func nextLease() -> ByteWriter? {
        guard let lease = leases.next()?.value else { return nil }
        var writer = ByteWriter()
        writer.writeVariable(lease.id.rawValue)
        writer.writeVariable(lease.grantedTTLSeconds)
        return writer
    }

    private mutating func nextRecord() -> ByteWriter? {
        guard let record = records.next() else { return nil }
        var writer = ByteWriter(reservingCapacity: record.kv.key.count + record.kv.value.count + 32)
        writer.write(record.kv.key)
        writer.writeVariable(record.kv.modRevision.rawValue)
        writer.writeVariable(record.sub)
        writer.writeVariable(record.kv.version)
        if !record.isDeletion {
            writer.writeVariable(record.kv.createRevision.rawValue)
            writer.writeVariable(record.kv.lease.rawValue)
            writer.write(record.kv.value)
        }
        return writer
    }

    private static func framed(_ content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: content.count + 4)
        writer.write(UInt32(content.count))
        writer.write(raw: content)
        return writer.bytes
    }
}

/// Every version and every deletion that the store remembers, by key and then in time.
struct RecordCursor {
    private var lives: PersistentMap<Bytes, Record>.Cursor
    private var pasts: PersistentMap<VersionKey, Record>.Cursor
    private var live: Record?
    private var past: Record?

    init(of store: KVStore) {
        lives = store.live.cursor()
        pasts = store.past.cursor()
        live = lives.next()?.value
        past = pasts.next()?.value
    }

    mutating func next() -> Record? {
        if let earlier = past, live.map({ earlier.versionKey < $0.versionKey }) ?? true {
            past = pasts.next()?.value
            return earlier
        }
        defer { live = lives.next()?.value }
        return live
    }
}
