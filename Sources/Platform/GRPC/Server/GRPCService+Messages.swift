public import SwiftProtobuf

/// Methods over messages of swift-protobuf. A message that cannot be decoded is answered with INVALID_ARGUMENT.
extension GRPCService {
    /// Answers at once, on the event loop of the connection; see `onLoop(raw:)`.
    public mutating func onLoop<Request: Message, Reply: Message>(
        _ method: String, _ handler: @escaping @Sendable (Request, GRPCLoopCall) throws -> Reply
    ) {
        onLoop(raw: method) { bytes, call in
            try ProtobufCoding.encode(handler(ProtobufCoding.decodeRequest(bytes), call))
        }
    }

    /// Answered later, by anybody; see `deferred(raw:)`.
    public mutating func deferred<Request: Message>(
        _ method: String, _ handler: @escaping @Sendable (Request, GRPCRequestHead, GRPCAnswer) -> Void
    ) {
        deferred(raw: method) { bytes, head, answer in
            do {
                handler(try ProtobufCoding.decodeRequest(bytes), head, answer)
            } catch {
                answer.fail(GRPCError(thrown: error))
            }
        }
    }

    /// One message in, one message out.
    public mutating func unary<Request: Message, Reply: Message>(
        _ method: String, _ handler: @escaping @Sendable (Request, GRPCServerCall) async throws -> Reply
    ) {
        unary(raw: method) { bytes, call in
            try ProtobufCoding.encode(await handler(ProtobufCoding.decodeRequest(bytes), call))
        }
    }

    /// Many messages in, one out.
    public mutating func clientStream<Request: Message, Reply: Message>(
        _ method: String,
        _ handler: @escaping @Sendable (GRPCMessages<Request>, GRPCServerCall) async throws -> Reply
    ) {
        stream(raw: method) { requests, replies, call in
            try await replies.send(
                ProtobufCoding.encode(handler(requests.map(ProtobufCoding.decodeRequest), call)))
        }
    }

    /// One message in, many out.
    public mutating func serverStream<Request: Message, Reply: Message>(
        _ method: String,
        _ handler: @escaping @Sendable (Request, GRPCMessageWriter<Reply>, GRPCServerCall) async throws -> Void
    ) {
        stream(raw: method) { requests, replies, call in
            let request: Request = try ProtobufCoding.decodeRequest(try await requests.only())
            try await handler(request, replies.map(ProtobufCoding.encode), call)
        }
    }

    /// Many messages in, many out.
    public mutating func bidirectional<Request: Message, Reply: Message>(
        _ method: String,
        _ handler:
            @escaping @Sendable (GRPCMessages<Request>, GRPCMessageWriter<Reply>, GRPCServerCall) async throws -> Void
    ) {
        stream(raw: method) { requests, replies, call in
            try await handler(
                requests.map(ProtobufCoding.decodeRequest), replies.map(ProtobufCoding.encode), call)
        }
    }
}
