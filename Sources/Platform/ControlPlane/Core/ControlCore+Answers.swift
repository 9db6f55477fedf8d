import ApusEtcdAPI
import ApusGRPC
import ApusKV
import NIOCore
import SwiftProtobuf

extension GRPCAnswer {
    /// Answers with what `body` throws.
    func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch let error as EtcdError {
            fail(error.status)
        } catch let error as KVError {
            fail(EtcdError(error).status)
        } catch {
            fail(error as? GRPCError ?? GRPCError(.unknown, "the method failed", cause: error))
        }
    }
}

extension ControlCore {
    /// Runs `body` with who makes the call, as soon as that is known, and answers with what it throws.
    func asCaller(
        _ head: GRPCRequestHead, _ answer: GRPCAnswer, _ body: @escaping @Sendable (Caller?) throws -> Void
    ) {
        withCaller(head) { caller in answer.attempt { try body(try caller.get()) } }
    }

    /// Replicates a command and answers a call with what it came to.
    ///
    /// - Parameter make: the reply; nil for a response of another kind, which no command has.
    func propose<Reply: Message>(
        _ command: ControlCommand, _ answer: GRPCAnswer,
        _ make: @escaping @Sendable (ControlResponse, EtcdResponseHeader) -> Reply?
    ) {
        propose(command) { result in
            answer.attempt {
                let applied = try result.get()
                guard let reply = make(try applied.result.get(), self.header(applied.revision)) else {
                    throw Self.answerToSomethingElse
                }
                answer.succeed(reply)
            }
        }
    }

    /// As `propose`, for replies that are encoded by hand.
    func proposeForBytes(
        _ command: ControlCommand, _ answer: GRPCAnswer,
        _ make: @escaping @Sendable (ControlResponse, WireHeader) -> ByteBuffer?
    ) {
        propose(command) { result in
            answer.attempt {
                let applied = try result.get()
                guard let reply = make(try applied.result.get(), self.wireHeader(applied.revision)) else {
                    throw Self.answerToSomethingElse
                }
                answer.succeed(reply)
            }
        }
    }

    private static var answerToSomethingElse: EtcdError {
        EtcdError(.internalError, "etcdserver: an answer to something else")
    }
}
