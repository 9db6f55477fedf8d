import ApusEtcdAPI
import ApusGRPC
import SwiftProtobuf

extension ControlCore {
    /// Who makes a call: by its token, or else by its certificate; nil for nobody in particular. `knownCaller` is surer: a member
    /// may not have learnt yet of a token that another gave.
    ///
    /// - Throws: `.invalidAuthToken`.
    func caller(_ head: GRPCRequestHead) throws(EtcdError) -> Caller? {
        try caller(token: Self.token(head), head)
    }

    private func caller(token: String?, _ head: GRPCRequestHead) throws(EtcdError) -> Caller? {
        if let token { return try tokens.caller(of: token) }
        guard settings.clientCertAuth, tokens.isEnabled, let certificate = head.peer.certificate,
            let name = CertificateName.commonName(of: certificate)
        else { return nil }
        return tokens.caller(named: name)
    }

    /// As `caller`, when this member has learnt of every log-in that was answered before the call. Waits only for a token that it
    /// does not know.
    func withCaller(
        _ head: GRPCRequestHead, then: @escaping @Sendable (Result<Caller?, EtcdError>) -> Void
    ) {
        let token = Self.token(head)
        // Most calls are of nobody in particular.
        if token == nil, !settings.clientCertAuth { return then(.success(nil)) }
        let find: @Sendable () -> Result<Caller?, EtcdError> = {
            do throws(EtcdError) {
                return .success(try self.caller(token: token, head))
            } catch {
                return .failure(error)
            }
        }
        guard let token, tokens.isAhead(token) else { return then(find()) }
        read(linearizable: true) { machine in
            switch machine {
            case .success: then(find())
            case .failure(let error): then(.failure(error))
            }
        }
    }

    func knownCaller(_ head: GRPCRequestHead) async throws(EtcdError) -> Caller? {
        let result: Result<Caller?, EtcdError> = await withCheckedContinuation { continuation in
            withCaller(head) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// What clients send with gRPC, or what comes through the JSON gateway.
    private static func token(_ head: GRPCRequestHead) -> String? {
        head.text("token") ?? head.text("authorization")
    }
}

extension GRPCService {
    /// A unary method for whoever may be asking, which may wait.
    mutating func unary<Request: Message, Reply: Message>(
        _ method: String, by core: ControlCore,
        _ handler: @escaping @Sendable (Request, Caller?) async throws(EtcdError) -> Reply
    ) {
        unary(method) { (request: Request, call: GRPCServerCall) in
            do throws(EtcdError) {
                return try await handler(request, try await core.knownCaller(call.head))
            } catch {
                throw error.status
            }
        }
    }
}
