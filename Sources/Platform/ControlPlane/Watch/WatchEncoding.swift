import ApusKV
import ApusPrimitives
import NIOCore

/// Encodes watch responses; events that several watchers get are encoded once.
struct WatchEncoder {
    private struct Key: Hashable {
        let revision: Int64
        let key: Bytes
        let hasPrevious: Bool
    }

    /// Encoded events that are remembered at most, in bytes.
    private static let cacheBytes = 1 << 20

    private var cache: [Key: [UInt8]] = [:]
    private var cachedBytes = 0

    mutating func forget() {
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
        var parts: [[UInt8]] = []
        var size = 0
        var end = events.startIndex
        let head = header.size + 32
        for event in events {
            let part = encoded(event)
            // As etcd: the response stays below the limit, but for a single event.
            if let fragmentBytes, !parts.isEmpty, head + size + part.count >= fragmentBytes { break }
            parts.append(part)
            size += part.count
            end += 1
        }
        let rest = events[end...]
        var writer = ProtoWriter(reservingCapacity: head)
        writer.header(header)
        writer.field(2, watch)
        writer.field(7, !rest.isEmpty)
        var buffer = ByteBuffer()
        buffer.reserveCapacity(writer.bytes.count + size)
        buffer.writeBytes(writer.bytes)
        for part in parts { buffer.writeBytes(part) }
        return (buffer, rest)
    }

    /// With its tag and length.
    private mutating func encoded(_ event: Event) -> [UInt8] {
        let key = Key(revision: event.revision.rawValue, key: event.kv.key, hasPrevious: event.previous != nil)
        if let found = cache[key] { return found }
        var writer = ProtoWriter(reservingCapacity: event.wireSize + 8)
        writer.event(11, event)
        if cachedBytes + writer.bytes.count > Self.cacheBytes { forget() }
        cache[key] = writer.bytes
        cachedBytes += writer.bytes.count
        return writer.bytes
    }

    /// A response without events.
    static func control(
        _ header: WireHeader, watch: Int64, created: Bool = false, canceled: Bool = false,
        compactRevision: Revision = .zero, reason: String = ""
    ) -> ByteBuffer {
        var writer = ProtoWriter(reservingCapacity: 64 + reason.utf8.count)
        writer.header(header)
        writer.field(2, watch)
        writer.field(3, created)
        writer.field(4, canceled)
        writer.field(5, compactRevision.rawValue)
        writer.field(6, reason)
        return ByteBuffer(bytes: writer.bytes)
    }
}
