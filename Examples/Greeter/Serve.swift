// Guide
import ApusGRPC
import SwiftProtobuf

func serve(port: Int) async throws {
    let greeter = GRPCService("hello.Greeter") { service in
        service.unary("SayHello") { (request: HelloRequest, _) in
            guard !request.name.isEmpty else { throw GRPCError(.invalidArgument, "whom to greet?") }
            return HelloReply.with { $0.text = "Hello, \(request.name)!" }
        }
    }
    let settings = GRPCServerSettings(port: port)
    try await GRPCServer(services: [greeter, GRPCHealth().service], settings: settings).run()
}
// End
