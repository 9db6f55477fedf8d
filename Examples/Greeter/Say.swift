// Guide
import ApusGRPC
import SwiftProtobuf

func say(_ name: String, port: Int) async throws -> String {
    try await GRPCClient.with("127.0.0.1:\(port)") { client in
        let request = HelloRequest.with { $0.name = name }
        let reply: HelloReply = try await client.unary(
            "hello.Greeter/SayHello", request, options: GRPCCallOptions(timeout: .seconds(2)))
        return reply.text
    }
}
// End
