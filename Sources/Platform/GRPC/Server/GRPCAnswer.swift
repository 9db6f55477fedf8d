public import NIOCore
public import SwiftProtobuf
import Synchronization

/// The answer to a unary call, given once, from any thread, without a task that waits for it.
///
/// When it is dropped unanswered the call ends with INTERNAL. What comes after the first answer, or after the caller went
/// away, is ignored.
public final class GRPCAnswer: Sendable {
    private let give: @Sendable (Result<ByteBuffer, any Error>) -> Void
    private let isGiven = Atomic(false)

    init(_ give: @escaping @Sendable (Result<ByteBuffer, any Error>) -> Void) {
        self.give = give
    }

    deinit {
        settle(.failure(GRPCError(.internalError, "the method gave no answer")))
    }

    public func succeed(_ bytes: ByteBuffer) {
        settle(.success(bytes))
    }

    public func succeed(_ message: some Message) {
        settle(Result { try ProtobufCoding.encode(message) })
    }

    public func fail(_ error: GRPCError) {
        settle(.failure(error))
    }

    private func settle(_ result: Result<ByteBuffer, any Error>) {
        if isGiven.exchange(true, ordering: .relaxed) { return }
        give(result)
    }
}
