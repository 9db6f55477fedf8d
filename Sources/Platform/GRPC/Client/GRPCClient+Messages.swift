public import SwiftProtobuf

/// Calls with messages of swift-protobuf. `path` is "package.Service/Method" throughout.
extension GRPCClient {
    /// One message out, one in.
    ///
    /// - Throws: `GRPCError`.
    public func unary<Request: Message, Reply: Message>(
        _ path: String, _ request: Request, reply: Reply.Type = Reply.self, options: GRPCCallOptions = GRPCCallOptions()
    ) async throws -> Reply {
        try ProtobufCoding.decodeReply(
            await unary(raw: path, ProtobufCoding.encode(request), options: options))
    }

    /// One message out, many in.
    public func serverStream<Request: Message, Reply: Message, Value: Sendable>(
        _ path: String, _ request: Request, reply: Reply.Type = Reply.self,
        options: GRPCCallOptions = GRPCCallOptions(), _ body: (GRPCMessages<Reply>) async throws -> Value
    ) async throws -> Value {
        try await bidirectional(path, request: Request.self, reply: Reply.self, options: options) { call in
            try await call.requests.send(request)
            call.finishSending()
            return try await body(call.replies)
        }
    }

    /// Many messages out, one in.
    public func clientStream<Request: Message, Reply: Message>(
        _ path: String, request: Request.Type = Request.self, reply: Reply.Type = Reply.self,
        options: GRPCCallOptions = GRPCCallOptions(), _ body: (GRPCMessageWriter<Request>) async throws -> Void
    ) async throws -> Reply {
        try await bidirectional(path, request: Request.self, reply: Reply.self, options: options) { call in
            do {
                try await body(call.requests)
            } catch let error as GRPCError {
                // The server may have answered already; its status says more than a message that could not be sent.
                guard let reply = try await call.replies.next() else { throw error }
                return reply
            }
            call.finishSending()
            return try await call.replies.only()
        }
    }

    /// Many messages out, many in.
    public func bidirectional<Request: Message, Reply: Message, Value: Sendable>(
        _ path: String, request: Request.Type = Request.self, reply: Reply.Type = Reply.self,
        options: GRPCCallOptions = GRPCCallOptions(),
        _ body: (GRPCClientCall<Request, Reply>) async throws -> Value
    ) async throws -> Value {
        try await stream(raw: path, options: options) { call in
            try await body(call.map(ProtobufCoding.encode, ProtobufCoding.decodeReply))
        }
    }
}
