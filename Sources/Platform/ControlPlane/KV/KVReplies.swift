import ApusKV
import NIOCore

/// The answers of the KV service as bytes.
enum KVReplies {
    private static let fixed = WireHeader.maximumSize + 2 * ProtoSize.maximumNumber

    static func put(_ response: PutResponse, _ header: WireHeader) -> ByteBuffer {
        let previous = response.previous
        return ProtoWriter.buffer(capacity: fixed + (previous.map { ProtoSize.content($0.wireSize) } ?? 0)) { writer in
            writer.header(header)
            if let previous { writer.keyValue(2, previous) }
        }
    }

    static func range(_ response: RangeResponse, _ header: WireHeader) -> ByteBuffer {
        let size = response.kvs.reduce(fixed) { $0 + ProtoSize.content($1.wireSize) }
        return ProtoWriter.buffer(capacity: size) { writer in
            writer.header(header)
            for kv in response.kvs { writer.keyValue(2, kv) }
            writer.field(3, response.more)
            writer.field(4, Int64(response.count))
        }
    }

    static func delete(_ response: DeleteRangeResponse, _ header: WireHeader) -> ByteBuffer {
        let size = response.previous.reduce(fixed) { $0 + ProtoSize.content($1.wireSize) }
        return ProtoWriter.buffer(capacity: size) { writer in
            writer.header(header)
            writer.field(2, Int64(response.deleted))
            for kv in response.previous { writer.keyValue(3, kv) }
        }
    }
}
