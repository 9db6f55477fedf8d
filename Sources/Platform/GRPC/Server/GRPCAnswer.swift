import ApusPrimitives
public import NIOCore
public import SwiftProtobuf

/// The answer to a unary call, given once, from any thread, without a task that waits for it.
///
/// When it is dropped unanswered the call ends with INTERNAL. What comes after the first answer, or after the caller went
/// away, is ignored.
public final class GRPCAnswer: Sendable {
    private let give: Locked<(@Sendable (Result<ByteBuffer, any Error>) -> Void)?>

    init(_ give: @escaping @Sendable (Result<ByteBuffer, any Error>) -> Void) {
        self.give = Locked(give)
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
        let give = give.withLock { give in
            defer { give = nil }
            return give
        }
        give?(result)
    }
}
