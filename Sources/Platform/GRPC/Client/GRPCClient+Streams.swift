import ApusPrimitives
import ApusResilience
public import NIOCore

/// A call with streams, while its body runs.
public struct GRPCClientCall<Request: Sendable, Reply: Sendable>: Sendable {
    /// Sends messages, and waits while the server does not read.
    public let requests: GRPCMessageWriter<Request>
    /// What the server sends. The end comes with the status OK; another status is thrown.
    public let replies: GRPCMessages<Reply>
    let stream: ClientStream
    let pipe: MessagePipe

    /// Says that no message follows.
    public func finishSending() {
        pipe.end(.success([:]))
    }

    /// What the server sent before its first message; waits for it.
    ///
    /// - Throws: `GRPCError` when the call ends before.
    public var initialMetadata: GRPCMetadata {
        get async throws { try await stream.began!.value }
    }

    /// What the server sent with its status OK; waits for the end of the call, so read `replies` to their end first.
    public var trailingMetadata: GRPCMetadata {
        get async throws { try await stream.trailers!.value }
    }

    /// Ends the call: the server sees it cancelled.
    public func cancel() {
        stream.door.mailbox.post(.cancel(stream))
    }

    func map<NewRequest: Sendable, NewReply: Sendable>(
        _ encode: @escaping @Sendable (NewRequest) throws -> Request,
        _ decode: @escaping @Sendable (Reply) throws -> NewReply
    ) -> GRPCClientCall<NewRequest, NewReply> {
        GRPCClientCall<NewRequest, NewReply>(
            requests: requests.map(encode), replies: replies.map(decode), stream: stream, pipe: pipe)
    }
}

extension GRPCClient {
    /// A call with streams to `path` ("package.Service/Method"), which is over when `body` returns: if the server has not ended it
    /// by then, it is cancelled. Calls with streams are not made again by themselves, but for one that found its connection
    /// going away before it was sent.
    ///
    /// - Throws: `GRPCError`, and whatever else `body` throws.
    public func stream<Value: Sendable>(
        raw path: String, options: GRPCCallOptions = GRPCCallOptions(),
        _ body: (GRPCClientCall<ByteBuffer, ByteBuffer>) async throws -> Value
    ) async throws -> Value {
        try await intercepted(path, options) { head in
            let door = try await connection(for: head)
            let stream = ClientStream(
                head: head, previousAttempts: 0, door: door, limit: core.settings.maxReceiveBytes, hasStreams: true)
            let pipe = MessagePipe(port: stream, window: core.settings.http2.streamWindow)
            stream.form = .stream(pipe)
            let limit = core.settings.maxSendBytes
            let call = GRPCClientCall<ByteBuffer, ByteBuffer>(
                requests: GRPCMessageWriter { message in
                    let (bytes, isCompressed) = try MessageEncoding.prepare(
                        message, compresses: head.compresses, limit: limit)
                    try await pipe.send(bytes, isCompressed: isCompressed)
                },
                replies: GRPCMessages { try await pipe.next() }, stream: stream, pipe: pipe)
            door.mailbox.post(.start(stream))
            defer { door.mailbox.post(.cancel(stream)) }
            return try await withTaskCancellationHandler {
                try await body(call)
            } onCancel: {
                door.mailbox.post(.cancel(stream))
            }
        }
    }
}
