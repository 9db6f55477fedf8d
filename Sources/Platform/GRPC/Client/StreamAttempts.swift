import ApusPrimitives
import ApusResilience
import NIOCore

/// The attempts of one call with streams, one after the other (gRPC's proposal A6). What was sent is kept until the call is committed
/// to an attempt, and put into the next one; the tasks that send and read notice nothing.
///
/// Whoever runs into the failure of an attempt makes the next one, and others wait for that.
final class StreamAttempts: Sendable {
    fileprivate struct State {
        var stream: ClientStream
        var pipe: MessagePipe
        var retry: RetryState
        /// Counts the attempts under way, so that a failure is not taken for that of the one after it.
        var number = 0
        var kept: [(message: ByteBuffer, isCompressed: Bool)] = []
        var keptBytes = 0
        var hasFinishedSending = false
        /// No attempt follows this one.
        var isCommitted = false
        var isCancelled = false
        var restart: Signal<Void>?
    }

    private enum Step {
        case again
        case wait(Signal<Void>)
        case restart(after: Duration, Signal<Void>, previousAttempts: Int)
        case fail
    }

    private let client: GRPCClient
    private let head: GRPCCallHead
    private let policy: GRPCRetryPolicy
    private let state: Locked<State>

    /// Begins the first attempt, when there is a connection for it.
    init(_ client: GRPCClient, _ head: GRPCCallHead, _ policy: GRPCRetryPolicy) async throws {
        self.client = client
        self.head = head
        self.policy = policy
        let (stream, pipe) = try await Self.begin(client, head, previousAttempts: 0)
        state = Locked(State(stream: stream, pipe: pipe, retry: RetryState(policy: policy)))
    }

    private static func begin(
        _ client: GRPCClient, _ head: GRPCCallHead, previousAttempts: Int
    ) async throws -> (ClientStream, MessagePipe) {
        let settings = client.core.settings
        let door = try await client.connection(for: head)
        let stream = ClientStream(
            head: head, previousAttempts: previousAttempts, door: door, limit: settings.maxReceiveBytes,
            hasStreams: true)
        let pipe = MessagePipe(port: stream, window: settings.http2.streamWindow)
        stream.form = .stream(pipe)
        door.start(stream)
        return (stream, pipe)
    }

    // MARK: The body's side

    func send(_ message: ByteBuffer, isCompressed: Bool) async throws {
        let (number, pipe, isKept) = state.withLock { state in
            let isKept = state.keep(message, isCompressed, limit: client.core.settings.retryBufferBytes)
            return (state.number, state.pipe, isKept)
        }
        do {
            try await pipe.send(message, isCompressed: isCompressed)
        } catch let error as GRPCError where isKept {
            // The next attempt begins with what is kept, and with this message.
            try await restart(number, error)
        }
    }

    func finishSending() {
        state.withLock { state in
            state.hasFinishedSending = true
            state.pipe.end(.success([:]))
        }
    }

    func next() async throws -> ByteBuffer? {
        while true {
            let (number, pipe, isCommitted) = state.withLock { ($0.number, $0.pipe, $0.isCommitted) }
            do {
                let message = try await pipe.next()
                if !isCommitted { commit() }
                return message
            } catch let error as GRPCError {
                try await restart(number, error)
            }
        }
    }

    var initialMetadata: GRPCMetadata {
        get async throws { try await ofAttempt { try await $0.began!.value } }
    }

    var trailingMetadata: GRPCMetadata {
        get async throws { try await ofAttempt { try await $0.trailers!.value } }
    }

    private func ofAttempt(_ body: (ClientStream) async throws -> GRPCMetadata) async throws -> GRPCMetadata {
        while true {
            let (number, stream) = state.withLock { ($0.number, $0.stream) }
            do {
                let metadata = try await body(stream)
                commit()
                return metadata
            } catch let error as GRPCError {
                try await restart(number, error)
            }
        }
    }

    /// Ends the call, and makes it no more.
    func cancel() {
        let stream = state.withLock { state in
            state.isCancelled = true
            return state.stream
        }
        stream.door.mailbox.post(.cancel(stream))
    }

    // MARK: The next attempt

    /// The response has begun.
    private func commit() {
        let isNew = state.withLock { state in
            defer { state.commit() }
            return !state.isCommitted
        }
        if isNew, policy.maxAttempts > 1 { client.core.attemptEnded(isFailure: false) }
    }

    /// Returns when the attempt after that of `number` is under way.
    ///
    /// - Throws: `error`, when no attempt follows.
    private func restart(_ number: Int, _ error: GRPCError) async throws {
        switch state.withLock({ step($0.number != number, &$0, error) }) {
        case .again: return
        case .wait(let signal): try await signal.value
        case .fail: throw state.withLock { $0.retry.final(error) }
        case .restart(let wait, let signal, let previousAttempts):
            do {
                try await client.core.waitForAttempt(wait, head.deadline, error)
                let (stream, pipe) = try await Self.begin(client, head, previousAttempts: previousAttempts)
                let isCancelled = state.withLock { state in
                    state.move(to: stream, pipe)
                    return state.isCancelled
                }
                if isCancelled { stream.door.mailbox.post(.cancel(stream)) }
                signal.send()
            } catch {
                let final = state.withLock { state in
                    state.commit()
                    state.restart = nil
                    return state.retry.final(GRPCError(failed: error))
                }
                signal.fail(final)
                throw final
            }
        }
    }

    private func step(_ isPast: Bool, _ state: inout State, _ error: GRPCError) -> Step {
        if isPast { return .again }
        if let restart = state.restart { return .wait(restart) }
        guard !state.isCancelled, state.pipe.hasFailed else { return .fail }
        // The connection does not touch the stream any more.
        let isCommitted = state.isCommitted || state.stream.headers != nil
        guard case .retry(let wait, _) = client.core.decide(&state.retry, error, isCommitted: isCommitted) else {
            state.commit()
            return .fail
        }
        let restart = Signal<Void>()
        state.restart = restart
        return .restart(after: wait, restart, previousAttempts: state.retry.attempts - 1)
    }
}

extension StreamAttempts.State {
    /// False when the call is committed, by this message too: it is more than is kept.
    fileprivate mutating func keep(_ message: ByteBuffer, _ isCompressed: Bool, limit: Int) -> Bool {
        guard !isCommitted, !hasFinishedSending else { return false }
        keptBytes += message.readableBytes + MessageDecoder.prefixBytes
        guard keptBytes <= limit else {
            commit()
            return false
        }
        kept.append((message, isCompressed))
        return true
    }

    fileprivate mutating func commit() {
        isCommitted = true
        kept = []
    }

    fileprivate mutating func move(to stream: ClientStream, _ pipe: MessagePipe) {
        self.stream = stream
        self.pipe = pipe
        number += 1
        restart = nil
        for message in kept { pipe.put(message.message, isCompressed: message.isCompressed) }
        if hasFinishedSending { pipe.end(.success([:])) }
    }
}

extension MessagePipe {
    /// Whether the stream ended with an error.
    fileprivate var hasFailed: Bool {
        state.withLock { state in
            if case .failure = state.incomingEnd { return true }
            return false
        }
    }

    /// Hands a message over, whether there is room or not.
    fileprivate func put(_ message: ByteBuffer, isCompressed: Bool) {
        let posts = state.withLock { state in
            guard state.failure == nil, !state.isEnded else { return false }
            state.outgoing.append(.message(message, isCompressed: isCompressed))
            state.outgoingBytes += message.readableBytes + MessageDecoder.prefixBytes
            defer { state.isPosted = true }
            return !state.isPosted
        }
        if posts { port.postOutgoing() }
    }
}

extension ClientCore {
    /// What follows a failed attempt; counts it against the budget of all calls.
    func decide(_ state: inout RetryState, _ error: GRPCError, isCommitted: Bool) -> RetryState.Decision {
        if state.policy.maxAttempts > 1, state.policy.retryableCodes.contains(error.code) {
            attemptEnded(isFailure: true)
        }
        var random = SystemRandomNumberGenerator()
        return state.failed(error, isCommitted: isCommitted, mayRetry: mayRetry, using: &random)
    }

    /// - Throws: `error` when `deadline` passes before the next attempt, `CancellationError`.
    func waitForAttempt(_ wait: Duration, _ deadline: Deadline?, _ error: GRPCError) async throws {
        guard wait > .zero else { return }
        if let deadline, deadline.remaining(at: TimeSource.continuous.now()) <= wait { throw error }
        try await TimeSource.continuous.sleep(for: wait)
    }
}
