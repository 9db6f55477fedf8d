import ApusGRPC
import ApusResilience
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

/// The cases of grpc/doc/interop-test-descriptions.md, as a client.
enum InteropCases {
    static let names = [
        "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming",
        "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong", "empty_stream",
        "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server", "custom_metadata",
        "status_code_and_message", "special_status_message", "status_details", "unimplemented_method",
        "unimplemented_service",
    ]

    /// Those that must be small on the wire, and in which direction.
    static let compressed: [(name: String, isRequest: Bool)] = [
        ("client_compressed_unary", true), ("server_compressed_unary", false),
        ("client_compressed_streaming", true), ("server_compressed_streaming", false),
    ]

    typealias Request = Apus_Testing_Request
    typealias Reply = Apus_Testing_Reply

    private static let requestSizes = [27182, 8, 1828, 45904]
    private static let replySizes: [Int32] = [31415, 9, 2653, 58979]
    private static let special = "\t\ntest with whitespace\r\nand Unicode BMP \u{263A} and non-BMP \u{1F608}\t\n"

    static func run(_ name: String, _ client: GRPCClient) async throws {
        let zipped = GRPCCallOptions(timeout: .seconds(20), compression: .gzip)
        let plain = GRPCCallOptions(timeout: .seconds(20))
        switch name {
        case "empty_unary":
            let reply: Reply = try await client.unary(path("Empty"), Request(), options: plain)
            #expect(reply.payload.isEmpty)
        case "large_unary": try await large(client, plain)
        case "client_compressed_unary", "server_compressed_unary": try await large(client, zipped)
        case "client_streaming": try await input(client, plain)
        case "client_compressed_streaming": try await input(client, zipped)
        case "server_streaming": try await output(client, plain)
        case "server_compressed_streaming": try await output(client, zipped)
        case "ping_pong": try await pingPong(client, plain)
        case "empty_stream":
            let count = try await duplex(client, plain) { call in
                call.finishSending()
                return try await call.replies.reduce(0) { count, _ in count + 1 }
            }
            #expect(count == 0)
        case "cancel_after_begin":
            await expect(.cancelled) {
                try await client.bidirectional(path("Input"), request: Request.self, reply: Reply.self, options: plain)
                {
                    $0.cancel()
                    _ = try await $0.replies.next()
                }
            }
        case "cancel_after_first_response":
            await expect(.cancelled) {
                try await duplex(client, plain) { call in
                    try await call.requests.send(request(sizes: [31415], payload: 27182))
                    _ = try #require(try await call.replies.next())
                    call.cancel()
                    _ = try await call.replies.next()
                }
            }
        case "timeout_on_sleeping_server":
            await expect(.deadlineExceeded) {
                try await duplex(client, GRPCCallOptions(timeout: .milliseconds(1))) { call in
                    try await call.requests.send(request(sizes: [1], payload: 27182, pause: 10_000_000))
                    _ = try await call.replies.next()
                }
            }
        case "custom_metadata": try await metadata(client)
        case "status_code_and_message": try await status(client, "test status message")
        case "special_status_message": try await status(client, special)
        case "status_details": try await details(client)
        case "unimplemented_method":
            await expect(.unimplemented) {
                _ = try await client.unary(path("Missing"), Request(), reply: Reply.self, options: plain)
            }
        case "unimplemented_service":
            await expect(.unimplemented) {
                _ = try await client.unary("apus.testing.Missing/Unary", Request(), reply: Reply.self, options: plain)
            }
        default: Issue.record("no case \(name)")
        }
    }

    static func path(_ method: String) -> String { "apus.testing.Interop/\(method)" }

    static func request(sizes: [Int32] = [], payload: Int = 0, pause: Int32 = 0) -> Request {
        .with {
            $0.sizes = sizes
            $0.payload = .init(count: payload)
            $0.pauseMicroseconds = pause
        }
    }

    private static func expect(_ code: GRPCCode, _ message: String? = nil, _ body: () async throws -> Void) async {
        let error = await #expect(throws: GRPCError.self) { try await body() }
        #expect(error?.code == code)
        if let message { #expect(error?.message == message) }
    }

    private static func duplex<Value: Sendable>(
        _ client: GRPCClient, _ options: GRPCCallOptions,
        _ body: (GRPCClientCall<Request, Reply>) async throws -> Value
    ) async throws -> Value {
        try await client.bidirectional(path("Duplex"), options: options, body)
    }

    private static func large(_ client: GRPCClient, _ options: GRPCCallOptions) async throws {
        let reply: Reply = try await client.unary(
            path("Unary"), request(sizes: [314159], payload: 271828), options: options)
        #expect(reply.payload.count == 314159)
        #expect(reply.received == 271828)
    }

    private static func input(_ client: GRPCClient, _ options: GRPCCallOptions) async throws {
        let reply: Reply = try await client.clientStream(path("Input"), options: options) { requests in
            for size in requestSizes { try await requests.send(request(payload: size)) }
        }
        #expect(reply.received == 74922)
    }

    private static func output(_ client: GRPCClient, _ options: GRPCCallOptions) async throws {
        let sizes = try await client.serverStream(
            path("Output"), request(sizes: replySizes), reply: Reply.self, options: options
        ) { replies in
            try await replies.reduce(into: [Int32]()) { $0.append(Int32($1.payload.count)) }
        }
        #expect(sizes == replySizes)
    }

    private static func pingPong(_ client: GRPCClient, _ options: GRPCCallOptions) async throws {
        try await duplex(client, options) { call in
            for (payload, size) in zip(requestSizes, replySizes) {
                try await call.requests.send(request(sizes: [size], payload: payload))
                #expect(try await call.replies.next()?.payload.count == Int(size))
            }
            call.finishSending()
            #expect(try await call.replies.next() == nil)
        }
    }

    private static func metadata(_ client: GRPCClient) async throws {
        var options = GRPCCallOptions(
            timeout: .seconds(20), metadata: [TestService.initialKey: "test_initial_metadata_value"])
        options.metadata.add([0xAB, 0xAB, 0xAB], for: TestService.trailingKey)
        let message = request(sizes: [314159], payload: 271828)
        let response = try await client.unaryResponse(
            raw: path("Unary"), .init(bytes: message.serializedBytes() as [UInt8]), options: options)
        #expect(response.initialMetadata[TestService.initialKey] == "test_initial_metadata_value")
        #expect(response.trailingMetadata[binary: TestService.trailingKey] == [0xAB, 0xAB, 0xAB])
        try await duplex(client, options) { call in
            try await call.requests.send(message)
            call.finishSending()
            #expect(try await call.initialMetadata[TestService.initialKey] == "test_initial_metadata_value")
            for try await reply in call.replies { #expect(reply.payload.count == 314159) }
            #expect(try await call.trailingMetadata[binary: TestService.trailingKey] == [0xAB, 0xAB, 0xAB])
        }
    }

    private static func status(_ client: GRPCClient, _ text: String) async throws {
        let request = Request.with {
            $0.code = 2
            $0.message = text
        }
        await expect(.unknown, text) {
            _ = try await client.unary(path("Unary"), request, reply: Reply.self)
        }
        await expect(.unknown, text) {
            try await duplex(client, GRPCCallOptions(timeout: .seconds(20))) { call in
                try await call.requests.send(request)
                call.finishSending()
                _ = try await call.replies.next()
            }
        }
    }

    private static func details(_ client: GRPCClient) async throws {
        let options = GRPCCallOptions(timeout: .seconds(20), metadata: [TestService.detailKey: "7"])
        let request = Request.with {
            $0.code = 9
            $0.message = "not yet"
        }
        func expectDetail(_ body: () async throws -> Void) async throws {
            let error = await #expect(throws: GRPCError.self) { try await body() }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.message == "not yet")
            #expect(error?.details.count == 1)
            let detail = try #require(error?.details.first)
            #expect(try Google_Protobuf_Duration(unpackingAny: detail).seconds == 7)
        }
        try await expectDetail {
            _ = try await client.unary(path("Unary"), request, reply: Reply.self, options: options)
        }
        try await expectDetail {
            try await duplex(client, options) { call in
                try await call.requests.send(request)
                call.finishSending()
                _ = try await call.replies.next()
            }
        }
    }
}
