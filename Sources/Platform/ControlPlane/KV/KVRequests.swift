import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import NIOCore
import SwiftProtobuf

// The requests of the KV service from their bytes, checked in etcd's order.

extension BinaryDecodingOptions {
    /// A transaction in a transaction is two messages deeper, and is an operation of those around it, of which there may be no more
    /// than the log takes; swift-protobuf's own limit is 100 messages.
    static let transaction: BinaryDecodingOptions = {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 2 * KVStore.maximumOperationsPerTransaction + 4
        return options
    }()
}

extension ControlCore {
    /// - Throws: `GRPCError`, `EtcdError`.
    static func txnRequest(_ bytes: ByteBuffer) throws -> EtcdTxnRequest {
        do {
            return try EtcdTxnRequest(serializedBytes: Array(bytes.readableBytesView), options: .transaction)
        } catch BinaryDecodingError.messageDepthLimit {
            throw EtcdError.tooManyOperations
        } catch {
            throw GRPCError(.invalidArgument, "the request is not a \(EtcdTxnRequest.protoMessageName)", cause: error)
        }
    }

    /// - Throws: `GRPCError`, `EtcdError`.
    static func putRequest(_ bytes: ByteBuffer) throws -> PutRequest {
        struct Fields {
            var key = Bytes.empty
            var value = Bytes.empty
            var lease: Int64 = 0
            var previous = false
            var ignoreValue = false
            var ignoreLease = false
        }
        let read = bytes.readFields(into: Fields()) {
            fields, reader, field, wireType throws(ProtoReader.Unclear) in
            switch field {
            case 1: fields.key = try reader.content(wireType)
            case 2: fields.value = try reader.content(wireType)
            case 3: fields.lease = try reader.number(wireType)
            case 4: fields.previous = try reader.flag(wireType)
            case 5: fields.ignoreValue = try reader.flag(wireType)
            case 6: fields.ignoreLease = try reader.flag(wireType)
            default: throw ProtoReader.Unclear()
            }
        }
        guard let read else {
            let request = try EtcdPutRequest.decoded(bytes)
            try request.check()
            return PutRequest(request)
        }
        if read.key.isEmpty { throw EtcdError.emptyKey }
        if read.ignoreValue, !read.value.isEmpty { throw EtcdError.valueProvided }
        if read.ignoreLease, read.lease != 0 { throw EtcdError.leaseProvided }
        return PutRequest(
            key: read.key, value: read.value, lease: LeaseID(read.lease), previous: read.previous,
            ignoreValue: read.ignoreValue, ignoreLease: read.ignoreLease)
    }

    /// - Throws: `GRPCError`, `EtcdError`.
    static func rangeRequest(_ bytes: ByteBuffer) throws -> (RangeRequest, isSerializable: Bool) {
        struct Fields {
            var key = Bytes.empty
            var end = Bytes.empty
            var limit: Int64 = 0
            var revision: Int64 = 0
            var isSerializable = false
            var keysOnly = false
            var countOnly = false
        }
        // Sorting and filters are rare: the generated message reads them.
        let read = bytes.readFields(into: Fields()) {
            fields, reader, field, wireType throws(ProtoReader.Unclear) in
            switch field {
            case 1: fields.key = try reader.content(wireType)
            case 2: fields.end = try reader.content(wireType)
            case 3: fields.limit = try reader.number(wireType)
            case 4: fields.revision = try reader.number(wireType)
            case 7: fields.isSerializable = try reader.flag(wireType)
            case 8: fields.keysOnly = try reader.flag(wireType)
            case 9: fields.countOnly = try reader.flag(wireType)
            default: throw ProtoReader.Unclear()
            }
        }
        guard let read else {
            let request = try EtcdRangeRequest.decoded(bytes)
            try request.check()
            return (try RangeRequest(request), request.serializable)
        }
        if read.key.isEmpty { throw EtcdError.emptyKey }
        let request = RangeRequest(
            KeyRange(key: read.key, rangeEnd: read.end), limit: Int(read.limit), revision: Revision(read.revision),
            keysOnly: read.keysOnly, countOnly: read.countOnly)
        return (request, read.isSerializable)
    }
}
