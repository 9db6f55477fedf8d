import ApusEtcdAPI
import ApusGRPC
import ApusKV
import SwiftProtobuf

extension GRPCService {
    /// etcd's KV service.
    static func kv(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.kv) { service in
            service.deferred("Range") { (request: EtcdRangeRequest, head, answer) in
                answer.attempt { () throws(EtcdError) in try core.range(request, head, answer) }
            }
            service.deferred("Put") { (request: EtcdPutRequest, head, answer) in
                answer.attempt { () throws(EtcdError) in try core.put(request, head, answer) }
            }
            service.deferred("DeleteRange") { (request: EtcdDeleteRangeRequest, head, answer) in
                answer.attempt { () throws(EtcdError) in try core.deleteRange(request, head, answer) }
            }
            service.deferred("Txn") { (request: EtcdTxnRequest, head, answer) in
                answer.attempt { () throws(EtcdError) in try core.txn(request, head, answer) }
            }
            service.deferred("Compact") { (request: EtcdCompactionRequest, head, answer) in
                answer.attempt { () throws(EtcdError) in try core.compact(request, head, answer) }
            }
        }
    }
}

extension GRPCAnswer {
    /// Answers with what `body` throws.
    func attempt(_ body: () throws(EtcdError) -> Void) {
        do throws(EtcdError) {
            try body()
        } catch {
            fail(error.status)
        }
    }
}

extension ControlCore {
    func range(_ request: EtcdRangeRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws(EtcdError) {
        try request.check()
        let range = try RangeRequest(request)
        let caller = try caller(head)
        read(linearizable: !request.serializable) { machine in
            answer.attempt { () throws(EtcdError) in
                let machine = try machine.get()
                try machine.auth.check(caller, range: range)
                do throws(KVError) {
                    let response = try machine.store.range(range)
                    var reply = EtcdRangeResponse(response)
                    reply.header = self.header(response.revision)
                    answer.succeed(reply)
                } catch {
                    throw EtcdError(error)
                }
            }
        }
    }

    func put(_ request: EtcdPutRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws(EtcdError) {
        try request.check()
        propose(.kv(.put(PutRequest(request)), try caller(head)), answer) { response, header -> EtcdPutResponse? in
            guard case .kv(.put(let response)) = response else { return nil }
            var reply = EtcdPutResponse(response)
            reply.header = header
            return reply
        }
    }

    func deleteRange(
        _ request: EtcdDeleteRangeRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer
    ) throws(EtcdError) {
        try request.check()
        propose(.kv(.delete(DeleteRangeRequest(request)), try caller(head)), answer) {
            response, header -> EtcdDeleteRangeResponse? in
            guard case .kv(.delete(let response)) = response else { return nil }
            var reply = EtcdDeleteRangeResponse(response)
            reply.header = header
            return reply
        }
    }

    func txn(_ request: EtcdTxnRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws(EtcdError) {
        try request.check(maxOperations: settings.maxTxnOperations)
        propose(.kv(.txn(try TxnRequest(request)), try caller(head)), answer) { response, header -> EtcdTxnResponse? in
            guard case .kv(.txn(let response)) = response else { return nil }
            var reply = EtcdTxnResponse(response)
            reply.header = header
            return reply
        }
    }

    func compact(_ request: EtcdCompactionRequest, _ head: GRPCRequestHead, _ answer: GRPCAnswer) throws(EtcdError) {
        propose(.kv(.compact(Revision(request.revision)), try caller(head)), answer) {
            _, header -> EtcdCompactionResponse? in
            .with { $0.header = header }
        }
    }
}
