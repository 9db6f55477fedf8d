import ApusEtcdAPI
import ApusGRPC
import SwiftProtobuf

/// What a server said to a call: its reply without what is its own, or the status.
enum Answer: Equatable, CustomStringConvertible {
    case reply(any EtcdReply)
    case status(GRPCCode, String)

    static func == (first: Answer, second: Answer) -> Bool {
        switch (first, second) {
        case (.reply(let first), .reply(let second)): first.isEqualTo(message: second)
        case (.status(let code, let text), .status(let otherCode, let otherText)):
            code == otherCode && text == otherText
        default: false
        }
    }

    var description: String {
        switch self {
        case .reply(let message): message.textFormatString()
        case .status(let code, let text): "\(code.name): \(text)"
        }
    }
}

/// A call of one message to a method of etcd.
struct UnaryCall: CustomStringConvertible {
    let path: String
    let request: any Message
    let reply: any EtcdReply.Type

    init<Request: Message, Reply: EtcdReply>(
        _ service: String, _ method: String, _ request: Request, _ reply: Reply.Type
    ) {
        path = "\(service)/\(method)"
        self.request = request
        self.reply = reply
    }

    var description: String { "\(path)\n\(request.textFormatString())" }

    /// Asks one server, with the token of a user when there is one.
    func ask(_ client: GRPCClient, token: String?) async -> (answer: Answer, raw: (any EtcdReply)?) {
        var options = GRPCCallOptions(timeout: .seconds(30))
        if let token { options.metadata.add(token, for: "token") }
        do {
            let raw = try await send(client, request, reply, options)
            var reply = raw
            reply.anonymise()
            reply.normalise(for: request)
            return (.reply(reply), raw)
        } catch let error as GRPCError {
            return (.status(error.code, error.message), nil)
        } catch {
            return (.status(.unknown, "\(error)"), nil)
        }
    }

    private func send<Reply: EtcdReply>(
        _ client: GRPCClient, _ request: some Message, _: Reply.Type, _ options: GRPCCallOptions
    ) async throws -> any EtcdReply {
        if let keepAlive = request as? EtcdLeaseKeepAliveRequest {
            let reply: EtcdLeaseKeepAliveResponse? = try await client.serverStream(path, keepAlive, options: options) {
                try await $0.next()
            }
            guard let reply else { throw GRPCError(.unknown, "the stream ended without an answer") }
            return reply
        }
        return try await client.unary(path, request, reply: Reply.self, options: options)
    }
}
