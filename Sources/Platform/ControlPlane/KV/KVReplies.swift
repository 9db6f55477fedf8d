import ApusKV
import NIOCore

/// The answers of the KV service as bytes.
enum KVReplies {
    static func put(_ response: PutResponse, _ header: WireHeader) -> ByteBuffer {
        let previous = response.previous
        var writer = ProtoWriter(reservingCapacity: 48 + (previous.map { $0.wireSize + 8 } ?? 0))
        writer.header(header)
        if let previous { writer.keyValue(2, previous) }
        return ByteBuffer(bytes: writer.bytes)
    }

    static func range(_ response: RangeResponse, _ header: WireHeader) -> ByteBuffer {
        let size = response.kvs.reduce(64) { $0 + ProtoSize.content($1.wireSize) }
        var writer = ProtoWriter(reservingCapacity: size)
        writer.header(header)
        for kv in response.kvs { writer.keyValue(2, kv) }
        writer.field(3, response.more)
        writer.field(4, Int64(response.count))
        return ByteBuffer(bytes: writer.bytes)
    }

    static func delete(_ response: DeleteRangeResponse, _ header: WireHeader) -> ByteBuffer {
        let size = response.previous.reduce(64) { $0 + ProtoSize.content($1.wireSize) }
        var writer = ProtoWriter(reservingCapacity: size)
        writer.header(header)
        writer.field(2, Int64(response.deleted))
        for kv in response.previous { writer.keyValue(3, kv) }
        return ByteBuffer(bytes: writer.bytes)
    }
}
