import ApusGRPC
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// The reflection service against grpcio's client of it, and by hand for both of its versions.
@Suite struct ReflectionTests {
    private static let descriptors: [UInt8] = {
        // What protoc makes of two files, of which one imports the other and extends it.
        let base = Google_Protobuf_FileDescriptorProto.with { file in
            file.name = "base.proto"
            file.package = "test.base"
            file.messageType = [
                .with { message in
                    message.name = "Item"
                    message.field = [
                        .with {
                            $0.name = "id"; $0.number = 1; $0.type = .int32; $0.label = .optional
                        }
                    ]
                    message.extensionRange = [
                        .with {
                            $0.start = 100; $0.end = 200
                        }
                    ]
                    message.nestedType = [.with { $0.name = "Part" }]
                    message.enumType = [
                        .with {
                            $0.name = "Kind";
                            $0.value = [
                                .with {
                                    $0.name = "NONE"; $0.number = 0
                                }
                            ]
                        }
                    ]
                }
            ]
        }
        let shop = Google_Protobuf_FileDescriptorProto.with { file in
            file.name = "shop.proto"
            file.package = "test.shop"
            file.dependency = ["base.proto"]
            file.messageType = [.with { $0.name = "Order" }]
            file.extension = [
                .with {
                    $0.name = "price"; $0.number = 101; $0.type = .int32; $0.label = .optional;
                    $0.extendee = ".test.base.Item"
                }
            ]
            file.service = [
                .with { service in
                    service.name = "Cart"
                    service.method = [
                        .with {
                            $0.name = "Add"; $0.inputType = ".test.base.Item"; $0.outputType = ".test.shop.Order"
                        }
                    ]
                }
            ]
        }
        let set = Google_Protobuf_FileDescriptorSet.with { $0.file = [base, shop] }
        return (try? set.serializedBytes()) ?? []
    }()

    private func withReflection(_ body: @Sendable (_ port: Int) async throws -> Void) async throws {
        let cart = GRPCService("test.shop.Cart") { $0.onLoop(raw: "Add") { request, _ in request } }
        let reflection = try GRPCReflection(services: [cart], descriptors: [Self.descriptors])
        try await withServer([cart] + reflection.services) { port, _ in try await body(port) }
    }

    private static let script = """
        import sys, grpc
        from google.protobuf import descriptor_pool
        from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
        database = ProtoReflectionDescriptorDatabase(grpc.insecure_channel("127.0.0.1:" + sys.argv[1]))
        assert "test.shop.Cart" in database.get_services(), list(database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        add = pool.FindServiceByName("test.shop.Cart").FindMethodByName("Add")
        assert add.input_type.full_name == "test.base.Item" and add.output_type.full_name == "test.shop.Order"
        for symbol in ["test.base.Item.Part", "test.base.Item.Kind", "test.shop.price", "test.shop.Cart.Add"]:
            database.FindFileContainingSymbol(symbol)
        assert database.FindFileByName("base.proto").package == "test.base"
        assert list(database.FindAllExtensionNumbers("test.base.Item")) == [101]
        for call in [lambda: database.FindFileByName("no.proto"), lambda: database.FindFileContainingSymbol("no.Symbol")]:
            try:
                call()
            except KeyError:
                continue
            raise AssertionError("found")
        print("passed")
        """

    @Test(.timeLimit(.minutes(1))) func `grpcio's client finds services, files, symbols and extensions`() async throws {
        try await withReflection { port in
            let text = try await Peer.run("python3", ["-c", Self.script, "\(port)"])
            #expect(text.contains("passed"), "\(text)")
        }
    }

    /// The requests of both versions have one form: 3 a file's name, 4 a symbol, 5 an extension, 6 all extensions, 7 the list.
    @Test(.timeLimit(.minutes(1)), arguments: ["v1", "v1alpha"])
    func `both versions answer many questions on one stream`(version: String) async throws {
        @Sendable func question(_ field: UInt8, _ text: String) -> ByteBuffer {
            ByteBuffer(bytes: [field << 3 | 2, UInt8(text.utf8.count)] + text.utf8)
        }
        /// Field 5: the name of a message, and a number.
        @Sendable func question(_ name: String, _ number: UInt8) -> ByteBuffer {
            let inner = [0x0A, UInt8(name.utf8.count)] + Array(name.utf8) + [0x10, number]
            return ByteBuffer(bytes: [5 << 3 | 2, UInt8(inner.count)] + inner)
        }
        try await withReflection { port in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                try await client.stream(
                    raw: "grpc.reflection.\(version).ServerReflection/ServerReflectionInfo",
                    options: GRPCCallOptions(timeout: .seconds(20))
                ) { call in
                    for (question, expected) in [
                        (question(7, ""), "test.shop.Cart"), (question(3, "base.proto"), "test.base"),
                        (question(4, "test.shop.Cart.Add"), "shop.proto"), (question(4, "no.Symbol"), "is not known"),
                        (question("test.base.Item", 101), "shop.proto"),
                        (question("test.base.Item", 7), "is not known"),
                        (question(6, "test.base.Item"), "test.base.Item"), (question(6, "no.Type"), "is not known"),
                        (ByteBuffer(), ""),
                    ] {
                        try await call.requests.send(question)
                        let answer = try #require(try await call.replies.next())
                        let text = String(decoding: answer.readableBytesView, as: UTF8.self)
                        #expect(expected.isEmpty || text.contains(expected), "\(text)")
                    }
                    call.finishSending()
                    #expect(try await call.replies.next() == nil)
                }
            }
        }
    }

    @Test func `bytes that are no descriptors are refused`() {
        #expect(throws: (any Error).self) { try GRPCReflection(services: [], descriptors: [[1, 2, 3]]) }
    }
}
