import ApusChannels
import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ApusResilience
import SwiftProtobuf

/// From a call to its answer, over as many attempts as it may take.
extension EtcdClient {
    /// How long a call may take, when no deadline is nearer.
    enum Limit {
        case standard
        case none
        case after(Duration)
    }

    func unary<Request: Message, Reply: Message>(
        _ method: EtcdMethod, _ request: Request, limit: Limit = .standard
    ) async throws -> Reply {
        try await attempts(method, limit) { connection, options in
            try await connection.unary(method.path, request, options: options)
        }
    }

    /// One attempt of a call with streams; the next one, if there is to be one, goes to where it should.
    func stream<Request: Message, Reply: Message, Value: Sendable>(
        _ method: EtcdMethod, request: Request.Type = Request.self, reply: Reply.Type = Reply.self,
        _ body: (GRPCClientCall<Request, Reply>) async throws -> Value
    ) async throws -> Value {
        if tokens.current.generation == 0 { try await authenticate(since: 0) }
        let index = ring.withLock { $0.current }
        let (token, generation) = tokens.current
        do {
            return try await connections[index].bidirectional(
                method.path, options: options(method, token: token, timeout: nil), body)
        } catch let error as GRPCError {
            switch NextAttempt(after: error, effect: .none, hasUser: settings.user != nil) {
            case .withNewToken: try await authenticate(since: generation)
            case .elsewhere: ring.withLock { $0.failed(index) }
            case .again, .none: break
            }
            throw error
        }
    }

    /// One message out, many in: at one endpoint.
    func serverStream<Request: Message, Reply: Message, Value: Sendable>(
        _ method: EtcdMethod, _ request: Request, reply: Reply.Type = Reply.self,
        _ body: (GRPCMessages<Reply>) async throws -> Value
    ) async throws -> Value {
        try await stream(method, request: Request.self, reply: Reply.self) { call in
            try await call.requests.send(request)
            call.finishSending()
            return try await body(call.replies)
        }
    }

    // MARK: Attempts

    func attempts<Reply: Sendable>(
        _ method: EtcdMethod, _ limit: Limit, isAuthentication: Bool = false,
        _ body: (GRPCClient, GRPCCallOptions) async throws -> Reply
    ) async throws -> Reply {
        let start = TimeSource.continuous.now()
        var trial = Trial(method: method, count: endpoints.count, start: start, patience: settings.patience)
        trial.end = Self.end(limit, from: start, standard: settings.callTimeout)
        if tokens.current.generation == 0, !isAuthentication { try await authenticate(since: 0) }
        while true {
            let index = ring.withLock { $0.current }
            let (token, generation) = tokens.current
            let options = options(
                method, token: isAuthentication ? nil : token, timeout: trial.attemptTimeout(at: .now))
            let error: GRPCError
            do {
                return try await body(connections[index], options)
            } catch let failure as GRPCError {
                error = failure
            }
            let next = NextAttempt(after: error, effect: method.effect, hasUser: settings.user != nil)
            if next == .elsewhere || error.code == .deadlineExceeded { ring.withLock { $0.failed(index) } }
            trial.failed(error, at: index)
            switch (next, trial.decide(next, at: .now)) {
            case (_, .giveUp): throw trial.summary(of: error, endpoints)
            case (.withNewToken, .after):
                guard !isAuthentication else { throw error }
                try await authenticate(since: generation)
            case (_, .after(let wait)):
                if wait > .zero {
                    do { try await TimeSource.continuous.sleep(for: wait) } catch { throw trial.cancelled }
                }
            }
        }
    }

    private static func end(_ limit: Limit, from start: MonotonicTime, standard: Duration) -> MonotonicTime {
        let own: MonotonicTime =
            switch limit {
            case .standard: start + standard
            case .after(let duration): start + duration
            case .none: .distantFuture
            }
        return min(own, Deadline.current?.expires ?? .distantFuture)
    }

    private func options(_ method: EtcdMethod, token: String?, timeout: Duration?) -> GRPCCallOptions {
        var metadata = GRPCMetadata()
        if let token { metadata.add(token, for: "token") }
        if method.needsLeader, settings.requiresLeader { metadata.add("true", for: "hasleader") }
        return GRPCCallOptions(timeout: timeout, metadata: metadata)
    }

    // MARK: The user's token

    func authenticate(since generation: Int) async throws {
        guard let user = settings.user else { return }
        try await tokens.renew(since: generation) {
            let request = EtcdAuthenticateRequest.with {
                $0.name = user.name
                $0.password = user.password
            }
            let method = EtcdMethod.auth("Authenticate", .none)
            do {
                let response: EtcdAuthenticateResponse = try await self.attempts(
                    method, .standard, isAuthentication: true
                ) { connection, options in
                    try await connection.unary(method.path, request, options: options)
                }
                return response.token
            } catch let error as GRPCError where EtcdError(error.code, error.message) == .authNotEnabled {
                return nil
            }
        }
    }
}

extension MonotonicTime {
    static var now: MonotonicTime { TimeSource.continuous.now() }
}
