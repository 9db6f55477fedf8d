import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf

/// The service of protos/apus/testing/interop.proto.
enum TestService {
    static let service = GRPCService("apus.testing.Interop") { service in
        service.onLoop("Empty") { (request: Apus_Testing_Request, call) in Apus_Testing_Reply() }
        service.unary("Unary") { (request: Apus_Testing_Request, call) in
            echo(call)
            try fail(as: request, call)
            return reply(request.sizes.first ?? 0, received: request.payload.count)
        }
        service.clientStream("Input") { (requests: GRPCMessages<Apus_Testing_Request>, call) in
            var total = 0
            for try await request in requests { total += request.payload.count }
            return reply(0, received: total)
        }
        service.serverStream("Output") {
            (request: Apus_Testing_Request, replies: GRPCMessageWriter<Apus_Testing_Reply>, call) in
            for size in request.sizes {
                try await pause(request)
                try await replies.send(reply(size))
            }
        }
        service.bidirectional("Duplex") {
            (requests: GRPCMessages<Apus_Testing_Request>, replies: GRPCMessageWriter<Apus_Testing_Reply>, call) in
            echo(call)
            for try await request in requests {
                try fail(as: request, call)
                for size in request.sizes {
                    try await pause(request)
                    try await replies.send(reply(size))
                }
            }
        }
    }

    private static func reply(_ size: Int32, received: Int = 0) -> Apus_Testing_Reply {
        .with {
            $0.payload = .init(count: Int(size))
            $0.received = Int32(received)
        }
    }

    private static func echo(_ call: GRPCServerCall) {
        let metadata = call.head.metadata
        if let text = metadata[initialKey] { call.add(initial: [initialKey: text]) }
        if let bytes = metadata[binary: trailingKey] {
            var trailing = GRPCMetadata()
            trailing.add(bytes, for: trailingKey)
            call.add(trailing: trailing)
        }
    }

    static let initialKey = "x-grpc-test-echo-initial"
    static let trailingKey = "x-grpc-test-echo-trailing-bin"

    /// The status carries a duration of so many seconds.
    static let detailKey = "x-apus-detail-seconds"

    private static func fail(as request: Apus_Testing_Request, _ call: GRPCServerCall) throws {
        guard request.code != 0 else { return }
        var error = GRPCError(GRPCCode(rawValue: UInt32(request.code)), request.message)
        if let text = call.head.metadata[detailKey], let seconds = Int64(text) {
            try error.add(detail: Google_Protobuf_Duration(seconds: seconds))
        }
        throw error
    }

    private static func pause(_ request: Apus_Testing_Request) async throws {
        guard request.pauseMicroseconds > 0 else { return }
        try await TimeSource.continuous.sleep(for: .microseconds(request.pauseMicroseconds))
    }
}

/// Runs `body` beside a server that listens, and stops it after that.
func withServer<Value: Sendable>(
    _ services: [GRPCService] = [TestService.service], settings: GRPCServerSettings = GRPCServerSettings(),
    middleware: [any GRPCServerMiddleware] = [], otherwise: (@Sendable (any Channel) throws -> Void)? = nil,
    _ body: @Sendable (_ port: Int, GRPCServer) async throws -> Value
) async throws -> Value {
    var settings = settings
    settings.eventLoopGroup = settings.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
    let server = GRPCServer(services: services, settings: settings, middleware: middleware, otherwise: otherwise)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        let port = try await server.boundAddress.port!
        let value = try await body(port, server)
        group.cancelAll()
        return value
    }
}

/// The same with a client of it.
func withClient<Value: Sendable>(
    _ services: [GRPCService] = [TestService.service], settings: GRPCServerSettings = GRPCServerSettings(),
    client: GRPCClientSettings = GRPCClientSettings(), _ body: @Sendable (GRPCClient) async throws -> Value
) async throws -> Value {
    try await withServer(services, settings: settings) { port, _ in
        try await GRPCClient.with("127.0.0.1:\(port)", settings: client) { try await body($0) }
    }
}
