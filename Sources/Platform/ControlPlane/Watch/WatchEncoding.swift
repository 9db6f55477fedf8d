import ApusKV
import ApusPrimitives
import NIOCore

/// Encodes watch responses; events that several watchers get are encoded once.
struct WatchEncoder {
    private struct Key: Hashable {
        let revision: Int64
        let key: Bytes
        /// A revision may hold a put and a deletion of one key.
        let version: Int64
        let hasPrevious: Bool
    }

    /// Encoded events that are remembered at most, in bytes.
    private static let cacheBytes = 1 << 20

    private var cache: [Key: [UInt8]] = [:]
    /// What most watchers want is what the one before wanted.
    private var last: (key: Key, bytes: [UInt8])?
    private var cachedBytes = 0

    mutating func forget() {
        last = nil
        if cachedBytes == 0 { return }
        cache.removeAll(keepingCapacity: cache.count < 1_024)
        cachedBytes = 0
    }

    /// A response with events. Of a list that is over `fragmentBytes` the beginning, at least one event, and the rest for another.
    ///
    /// - Parameter fragmentBytes: nil for a watch that takes responses of any size.
    mutating func events(
        _ events: ArraySlice<Event>, of watch: Int64, _ header: WireHeader, fragmentBytes: Int?
    ) -> (ByteBuffer, rest: ArraySlice<Event>) {
        if events.count == 1, let event = events.first { return (response(event, of: watch, header), []) }
        var parts: [[UInt8]] = []
        var size = 0
        for event in events {
            let part = encoded(event)
            // As etcd: the response stays below the limit, but for a single event.
            if let fragmentBytes, !parts.isEmpty, header.size + 32 + size + part.count >= fragmentBytes { break }
            parts.append(part)
            size += part.count
        }
        let rest = events.dropFirst(parts.count)
        let response = ProtoWriter.buffer(capacity: Self.headSize + size) { writer in
            writer.header(header)
            writer.field(2, watch)
            writer.field(7, !rest.isEmpty)
            for part in parts { writer.raw(part) }
        }
        return (response, rest)
    }

    /// What is before the events.
    private static let headSize = WireHeader.maximumSize + 2 * ProtoSize.maximumNumber

    /// A response with one event.
    mutating func response(_ event: Event, of watch: Int64, _ header: WireHeader) -> ByteBuffer {
        let part = encoded(event)
        return ProtoWriter.buffer(capacity: Self.headSize + part.count) { writer in
            writer.header(header)
            writer.field(2, watch)
            writer.raw(part)
        }
    }

    /// With its tag and length.
    private mutating func encoded(_ event: Event) -> [UInt8] {
        let key = Key(
            revision: event.revision.rawValue, key: event.kv.key, version: event.kv.version,
            hasPrevious: event.previous != nil)
        if let last, last.key == key { return last.bytes }
        let bytes: [UInt8]
        if let found = cache[key] {
            bytes = found
        } else {
            bytes = ProtoWriter.array(capacity: ProtoSize.content(event.wireSize)) { $0.event(11, event) }
            if cachedBytes + bytes.count > Self.cacheBytes { forget() }
            cache[key] = bytes
            cachedBytes += bytes.count
        }
        last = (key, bytes)
        return bytes
    }

    /// A response without events.
    static func control(
        _ header: WireHeader, watch: Int64, created: Bool = false, canceled: Bool = false,
        compactRevision: Revision = .zero, reason: String = ""
    ) -> ByteBuffer {
        let size = WireHeader.maximumSize + 4 * ProtoSize.maximumNumber + ProtoSize.content(reason.utf8.count)
        return ProtoWriter.buffer(capacity: size) { writer in
            writer.header(header)
            writer.field(2, watch)
            writer.field(3, created)
            writer.field(4, canceled)
            writer.field(5, compactRevision.rawValue)
            writer.field(6, reason)
        }
    }
}
