import ApusEtcdAPI
import ApusGRPC
import SwiftProtobuf

extension ControlCore {
    /// Replicates a command and answers a call with what it came to.
    ///
    /// - Parameter make: the reply; nil for a response of another kind, which no command has.
    func propose<Reply: Message>(
        _ command: ControlCommand, _ answer: GRPCAnswer,
        _ make: @escaping @Sendable (ControlResponse, EtcdResponseHeader) -> Reply?
    ) {
        propose(command) { result in
            answer.attempt { () throws(EtcdError) in
                let applied = try result.get()
                guard let reply = make(try applied.result.get(), self.header(applied.revision)) else {
                    throw EtcdError(.internalError, "etcdserver: an answer to something else")
                }
                answer.succeed(reply)
            }
        }
    }
}
