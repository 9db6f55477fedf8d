import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import NIOCore
import SwiftProtobuf

extension GRPCService {
    /// etcd's KV service.
    static func kv(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.kv) { service in
            service.deferred(raw: "Range") { bytes, head, answer in
                answer.attempt { try core.range(bytes, head, answer) }
            }
            service.deferred(raw: "Put") { bytes, head, answer in
                answer.attempt { try core.put(bytes, head, answer) }
            }
            service.deferred(raw: "DeleteRange") { bytes, head, answer in
                answer.attempt { try core.deleteRange(bytes, head, answer) }
            }
            service.deferred(raw: "Txn") { bytes, head, answer in
                answer.attempt { try core.txn(bytes, head, answer) }
            }
            service.deferred("Compact") { (request: EtcdCompactionRequest, head, answer) in
                core.compact(request, head, answer)
            }
        }
    }
}

extension ControlCore {
    fileprivate func range(_ bytes: ByteBuffer, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws {
        let (request, isSerializable) = try Self.rangeRequest(bytes)
        if view.isLearner, !isSerializable { throw EtcdError.notSupportedForLearner }
        asCaller(head, answer) { caller in
            self.read(linearizable: !isSerializable) { machine in
                answer.attempt {
                    let machine = try machine.get()
                    try machine.auth.check(caller, range: request)
                    let response = try machine.store.range(request)
                    try self.memory.check(response.bytes)
                    answer.succeed(KVReplies.range(response, self.wireHeader(response.revision)))
                }
            }
        }
    }

    fileprivate func put(_ bytes: ByteBuffer, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws {
        let request = try Self.putRequest(bytes)
        asCaller(head, answer) { caller in
            try self.checkSize(bytes.readableBytes, caller)
            try self.checkQuota(.put(request))
            self.proposeForBytes(.kv(.put(request), caller), answer) { response, header in
                guard case .kv(.put(let response)) = response else { return nil }
                return KVReplies.put(response, header)
            }
        }
    }

    fileprivate func deleteRange(_ bytes: ByteBuffer, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws {
        let request = try EtcdDeleteRangeRequest.decoded(bytes)
        try request.check()
        let command = Command.delete(DeleteRangeRequest(request))
        asCaller(head, answer) { caller in
            try self.checkSize(bytes.readableBytes, caller)
            self.proposeForBytes(.kv(command, caller), answer) { response, header in
                guard case .kv(.delete(let response)) = response else { return nil }
                return KVReplies.delete(response, header)
            }
        }
    }

    fileprivate func txn(_ bytes: ByteBuffer, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws {
        let message = try Self.txnRequest(bytes)
        try message.check(maxOperations: settings.maxTxnOperations)
        let request = try TxnRequest(message)
        try request.checkOverlaps()
        let isSerializable = message.isSerializable
        asCaller(head, answer) { caller in
            if request.isReadOnly { return self.readOnly(request, isSerializable, caller, answer) }
            try self.checkSize(bytes.readableBytes, caller)
            try self.checkQuota(.txn(request))
            self.propose(.kv(.txn(request), caller), answer) { response, header -> EtcdTxnResponse? in
                guard case .kv(.txn(let response)) = response else { return nil }
                var reply = EtcdTxnResponse(response)
                reply.header = header
                return reply
            }
        }
    }

    /// As etcd: a transaction that changes nothing is read, and not replicated.
    private func readOnly(
        _ request: TxnRequest, _ isSerializable: Bool, _ caller: Caller?, _ answer: GRPCAnswer
    ) {
        read(linearizable: !isSerializable) { machine in
            answer.attempt {
                let machine = try machine.get()
                try machine.auth.check(caller, .txn(request), on: machine.store)
                // A copy, which stays as it is: nothing in the transaction changes it.
                var store = machine.store
                let response = try store.txn(request, maximumOperations: .max)
                try self.memory.check(response.bytes)
                var reply = EtcdTxnResponse(response)
                reply.header = self.header(store.revision)
                answer.succeed(reply)
            }
        }
    }

    fileprivate func compact(
        _ request: EtcdCompactionRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer
    ) {
        asCaller(head, answer) { caller in
            self.compact(at: Revision(request.revision), caller) { result in
                answer.attempt {
                    let applied = try result.get()
                    _ = try applied.result.get()
                    answer.succeed(EtcdCompactionResponse.with { $0.header = self.header(applied.revision) })
                }
            }
        }
    }

    /// Etcd measures the request as its log has it: with a header that names the request and the caller.
    private func checkSize(_ bytes: Int, _ caller: Caller?) throws(EtcdError) {
        guard bytes + 64 > settings.maxRequestBytes else { return }
        let idBytes = memberID & 0x8000 != 0 ? 10 : memberID & 0x7F00 != 0 ? 9 : 8
        var header = 1 + idBytes
        if let caller { header += ProtoSize.content(caller.user.utf8.count) + ProtoSize.field(caller.authRevision) }
        let size = 2 + ProtoSize.varint(UInt64(header)) + header + ProtoSize.content(bytes)
        guard size <= settings.maxRequestBytes else { throw .requestTooLarge }
    }
}

extension RangeResponse {
    /// Of the keys and values, which are nearly all of an answer.
    fileprivate var bytes: Int { kvs.reduce(0) { $0 + $1.key.count + $1.value.count } }
}

extension TxnResponse {
    fileprivate var bytes: Int {
        responses.reduce(0) { sum, response in
            switch response {
            case .range(let range): sum + range.bytes
            case .txn(let nested): sum + nested.bytes
            case .put, .delete: sum
            }
        }
    }
}

extension TxnRequest {
    /// Nothing in either branch, however deep, can change a key.
    var isReadOnly: Bool {
        func reads(_ operations: [ApusKV.Operation]) -> Bool {
            operations.allSatisfy { operation in
                switch operation {
                case .range: true
                case .put, .delete: false
                case .txn(let nested): nested.isReadOnly
                }
            }
        }
        return reads(success) && reads(failure)
    }
}

extension EtcdTxnRequest {
    /// As etcd: every range of it asks for no more than this member has.
    fileprivate var isSerializable: Bool {
        func agrees(_ operations: [EtcdRequestOp]) -> Bool {
            operations.allSatisfy { operation in
                if case .requestRange(let range) = operation.request { range.serializable } else { false }
            }
        }
        return agrees(success) && agrees(failure)
    }
}
