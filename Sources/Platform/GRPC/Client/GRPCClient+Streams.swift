public import NIOCore

/// A call with streams, while its body runs.
public struct GRPCClientCall<Request: Sendable, Reply: Sendable>: Sendable {
    /// Sends messages, and waits while the server does not read.
    public let requests: GRPCMessageWriter<Request>
    /// What the server sends. The end comes with the status OK; another status is thrown.
    public let replies: GRPCMessages<Reply>
    let attempts: StreamAttempts

    /// Says that no message follows.
    public func finishSending() {
        attempts.finishSending()
    }

    /// What the server sent before its first message; waits for it.
    ///
    /// - Throws: `GRPCError` when the call ends before.
    public var initialMetadata: GRPCMetadata {
        get async throws { try await attempts.initialMetadata }
    }

    /// What the server sent with its status OK; waits for the end of the call, so read `replies` to their end first.
    public var trailingMetadata: GRPCMetadata {
        get async throws { try await attempts.trailingMetadata }
    }

    /// Ends the call: the server sees it cancelled.
    public func cancel() {
        attempts.cancel()
    }

    func map<NewRequest: Sendable, NewReply: Sendable>(
        _ encode: @escaping @Sendable (NewRequest) throws -> Request,
        _ decode: @escaping @Sendable (Reply) throws -> NewReply
    ) -> GRPCClientCall<NewRequest, NewReply> {
        GRPCClientCall<NewRequest, NewReply>(
            requests: requests.map(encode), replies: replies.map(decode), attempts: attempts)
    }
}

extension GRPCClient {
    /// A call with streams to `path` ("package.Service/Method"), which is over when `body` returns: if the server has not ended it
    /// by then, it is cancelled. It is made again under the same rules as a unary call (`GRPCRetryPolicy`), without `body` noticing:
    /// what it has sent is sent again.
    ///
    /// - Throws: `GRPCError`, and whatever else `body` throws; a `CancellationError` of `body` as the code `.cancelled`.
    public func stream<Value: Sendable>(
        raw path: String, options: GRPCCallOptions = GRPCCallOptions(),
        _ body: (GRPCClientCall<ByteBuffer, ByteBuffer>) async throws -> Value
    ) async throws -> Value {
        try await intercepted(path, options) { head in
            let attempts = try await StreamAttempts(self, head, options.retry ?? core.settings.retry)
            let limit = core.settings.maxSendBytes
            let call = GRPCClientCall<ByteBuffer, ByteBuffer>(
                requests: GRPCMessageWriter { message in
                    let (bytes, isCompressed) = try MessageEncoding.prepare(
                        message, compresses: head.compresses, limit: limit)
                    try await attempts.send(bytes, isCompressed: isCompressed)
                },
                replies: GRPCMessages { try await attempts.next() }, attempts: attempts)
            defer { attempts.cancel() }
            return try await withTaskCancellationHandler {
                do {
                    return try await body(call)
                } catch let error as GRPCError {
                    throw error
                } catch is CancellationError {
                    throw GRPCError(.cancelled, "the call was cancelled", reach: .unknown, cause: CancellationError())
                } catch {
                    throw StreamBodyFailure(error: error)
                }
            } onCancel: {
                attempts.cancel()
            }
        }
    }
}

/// The error of a caller's own code, on its way through the client.
struct StreamBodyFailure: Error {
    let error: any Error
}
