import ApusObservability
import ApusPrimitives
import ApusResilience
public import NIOCore

/// Calls over raw bytes.
extension GRPCClient {
    /// One message to `path` ("package.Service/Method"), and one back.
    ///
    /// - Throws: `GRPCError`; `CancellationError` never: a cancelled call throws the code `.cancelled`.
    public func unary(
        raw path: String, _ message: ByteBuffer, options: GRPCCallOptions = GRPCCallOptions()
    ) async throws -> ByteBuffer {
        try await call(path, message, options).message
    }

    /// Like `unary(raw:)`, with what the server sent beside its answer.
    public func unaryResponse(
        raw path: String, _ message: ByteBuffer, options: GRPCCallOptions = GRPCCallOptions()
    ) async throws -> GRPCResponse<ByteBuffer> {
        let answer = try await call(path, message, options)
        return GRPCResponse(message: answer.message, headers: answer.headers, trailers: answer.trailers)
    }

    private func call(
        _ path: String, _ message: ByteBuffer, _ options: GRPCCallOptions
    ) async throws -> ClientStream.Answer {
        try await intercepted(path, options) { head in
            let (bytes, _) = try MessageEncoding.prepare(
                message, compresses: head.compresses, limit: core.settings.maxSendBytes)
            return try await attempts(head, bytes, options.retry ?? core.settings.retry)
        }
    }

    func intercepted<Value>(
        _ path: String, _ options: GRPCCallOptions, _ body: (GRPCCallHead) async throws -> Value
    ) async throws -> Value {
        var head = GRPCCallHead(
            path: path, metadata: options.metadata, deadline: Deadline.current, waitForReady: options.waitForReady,
            compresses: options.compression == .gzip)
        if let timeout = options.timeout {
            let own = Deadline(after: timeout, from: TimeSource.continuous.now())
            head.deadline = head.deadline.map { min($0, own) } ?? own
        }
        if !head.metadata.isEmpty { try head.metadata.check(limitBytes: core.settings.http2.limits.headerListBytes) }
        guard !interceptors.isEmpty else {
            do { return try await body(head) } catch { throw Self.thrown(error) }
        }
        let start = TimeSource.continuous.now()
        var seen = 0
        let outcome: Result<Value, any Error>
        var error: GRPCError?
        do {
            for interceptor in interceptors {
                try interceptor.began(&head)
                seen += 1
            }
            try head.metadata.check(limitBytes: core.settings.http2.limits.headerListBytes)
            outcome = .success(try await body(head))
        } catch let failure {
            error = GRPCError(failed: failure)
            outcome = .failure(Self.thrown(failure))
        }
        let result = GRPCOutcome(code: error?.code ?? .ok, duration: TimeSource.continuous.now() - start, error: error)
        for interceptor in interceptors.prefix(seen) { interceptor.ended(head, result) }
        return try outcome.get()
    }

    private static func thrown(_ error: any Error) -> any Error {
        (error as? StreamBodyFailure)?.error ?? GRPCError(failed: error)
    }

    private func attempts(
        _ head: GRPCCallHead, _ message: ByteBuffer, _ policy: GRPCRetryPolicy
    ) async throws -> ClientStream.Answer {
        var state = RetryState(policy: policy)
        do {
            while true {
                let door = try await connection(for: head)
                let stream = ClientStream(
                    head: head, previousAttempts: state.attempts - 1, door: door, limit: core.settings.maxReceiveBytes,
                    hasStreams: false)
                do {
                    let answer = try await attempt(stream, message)
                    if policy.maxAttempts > 1 { core.attemptEnded(isFailure: false) }
                    return answer
                } catch let error as GRPCError {
                    let decision = core.decide(&state, error, isCommitted: stream.headers != nil)
                    guard case .retry(let wait, _) = decision else { throw error }
                    try await core.waitForAttempt(wait, head.deadline, error)
                }
            }
        } catch {
            throw state.final(GRPCError(failed: error))
        }
    }

    private func attempt(_ stream: ClientStream, _ message: ByteBuffer) async throws -> ClientStream.Answer {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                stream.form = .unary(message, continuation)
                stream.door.start(stream)
                // A cancellation before this moment found no call to cancel.
                if Task.isCancelled { stream.door.mailbox.post(.cancel(stream)) }
            }
        } onCancel: {
            stream.door.mailbox.post(.cancel(stream))
        }
    }

    /// A connection that is ready: at once when there is one.
    func connection(for head: GRPCCallHead) async throws -> ClientDoor {
        if let door = try core.pick() { return door }
        guard let deadline = head.deadline else {
            return try await core.waitForConnection(failsFast: !head.waitForReady)
        }
        return try await deadline.run { [core] in
            try await core.waitForConnection(failsFast: !head.waitForReady)
        }
    }
}

extension GRPCError {
    /// What a caller is thrown for an error of a call.
    init(failed error: any Error) {
        if let body = error as? StreamBodyFailure {
            self.init(.cancelled, "the caller gave the call up", reach: .unknown, cause: body.error)
            return
        }
        self.init(thrown: error)
        if !(error is GRPCError) { reach = .notSent }
    }
}
