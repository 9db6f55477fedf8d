import ApusEtcdAPI
import ApusGRPC
import Foundation
import NIOCore
import NIOHTTP1
import SwiftProtobuf

/// etcd's JSON gateway: each method by POST, its messages as JSON with the names of the `.proto` files, 64-bit numbers as
/// strings, bytes in base64, and defaults left out. Streams are answered with one `{"result": …}` a line.
struct JSONGateway: Sendable {
    private let services: GRPCLocalServices

    private let messageBytes: Int
    private let memory: GRPCMemoryBudget

    /// - Parameter messageBytes: of one message, as gRPC's own bound.
    init(_ services: GRPCLocalServices, messageBytes: Int, memory: GRPCMemoryBudget) {
        self.memory = memory
        self.services = services
        self.messageBytes = messageBytes
    }

    /// - Parameter path: below /v3/.
    func answer(_ request: HTTPRequest, _ path: String, _ replier: HTTPReplier) async throws {
        guard let route = GatewayRoute.byPath[path] else {
            return try await replier.send(.text(.notFound, "Not Found\n"))
        }
        guard request.method == .POST else {
            return try await replier.send(.text(.methodNotAllowed, "Method Not Allowed\n"))
        }
        let head = GRPCRequestHead(
            local: route.method, metadata: Self.metadata(request),
            // A certificate's name counts for gRPC alone, as in etcd.
            peer: GRPCPeer(address: request.remote, certificate: nil))
        if services.isStream(route.method) == true {
            return try await stream(route, head, request, replier)
        }
        let reply: HTTPResponse
        do {
            var scanner = JSONScanner(Array(request.body.readableBytesView))
            let message = try route.decode(try scanner.next())
            guard message.readableBytes <= messageBytes else {
                throw GRPCError(
                    .resourceExhausted,
                    "grpc: received message larger than max (\(message.readableBytes) vs. \(messageBytes))")
            }
            let answer = try await services.unary(route.method, message, head)
            try memory.check(answer.readableBytes)
            reply = HTTPResponse(
                .ok, type: "application/json", try route.encode(answer),
                headers: ["Grpc-Metadata-Content-Type": "application/grpc"])
        } catch {
            reply = GatewayError(error).response
        }
        let bytes = reply.body.readableBytes
        memory.add(bytes)
        defer { memory.add(-bytes) }
        try await replier.send(reply)
    }

    private func stream(
        _ route: GatewayRoute, _ head: GRPCRequestHead, _ request: HTTPRequest, _ replier: HTTPReplier
    ) async throws {
        let messages: [ByteBuffer]
        do {
            messages = try Self.messages(route, request.body)
        } catch {
            return try await replier.send(GatewayError(error, isStream: true).response)
        }
        let output = GatewayStream(replier)
        let rest = MessageQueue(messages)
        do {
            try await services.stream(
                route.method, head, next: { rest.next() },
                send: { try await output.send(try route.encode($0)) })
        } catch let error where !output.isBroken && !(error is CancellationError) {
            return try await output.fail(GatewayError(error, isStream: true))
        }
        try await output.end()
    }

    private static func messages(_ route: GatewayRoute, _ body: ByteBuffer) throws -> [ByteBuffer] {
        var scanner = JSONScanner(Array(body.readableBytesView))
        var messages: [ByteBuffer] = []
        while let value = try scanner.next() { messages.append(try route.decode(value)) }
        // The one message of a method that takes one may be left out.
        if messages.isEmpty, !route.takesStream { messages.append(try route.decode(nil)) }
        return messages
    }

    private static func metadata(_ request: HTTPRequest) -> GRPCMetadata {
        var metadata = GRPCMetadata()
        for (name, value) in request.head.headers {
            let name = name.lowercased()
            if name == "authorization" {
                metadata.add(value, for: name)
            } else if name.hasPrefix("grpc-metadata-") {
                metadata.add(value, for: String(name.dropFirst("grpc-metadata-".count)))
            }
        }
        return metadata
    }
}
