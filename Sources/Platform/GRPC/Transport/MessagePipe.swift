import ApusPrimitives
import DequeModule
import NIOCore

/// Where a pipe tells its connection, from any thread, that there is something to do on the loop.
protocol MessagePort: AnyObject, Sendable {
    /// `pipe.takeOutgoing` has something.
    func postOutgoing()
    /// The reader has taken messages of so many bytes on the wire.
    func postConsumed(_ bytes: Int)
}

/// The messages of one stream between a task and the loop of its connection, in both directions.
///
/// The reader's side is bounded by the stream's window: what waits here is given back to the peer only when it is taken. The
/// writer's side is bounded by `highWaterBytes` and the codec's queue: `send` waits until there is room.
final class MessagePipe: Sendable {
    /// Bytes of messages on their way to the loop from which on a writer waits.
    static let highWaterBytes = 64 * 1024

    struct Incoming: Sendable {
        var message: ByteBuffer
        /// What it took of the stream's window and has not given back.
        var heldBytes: Int
    }

    /// A message as it is sent, compressed or not.
    typealias Prepared = (bytes: ByteBuffer, isCompressed: Bool)

    enum Outgoing: Sendable {
        case message(ByteBuffer, isCompressed: Bool)
        /// The last: half-close at a client, the status at a server.
        case end(Result<GRPCMetadata, GRPCError>)
    }

    struct State {
        var incoming = Deque<Incoming>()
        var incomingEnd: Result<Void, GRPCError>?
        var reader: (id: UInt64, continuation: CheckedContinuation<ByteBuffer?, any Error>)?
        var credit = 0
        /// Bytes of a message that is not whole, kept back because others wait to be read.
        var heldOfPartial = 0

        var outgoing: [Outgoing] = []
        var outgoingBytes = 0
        var isPosted = false
        /// The codec's queue of this stream is full.
        var isFull = false
        var isEnded = false
        var failure: GRPCError?
        var writers: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var nextWaiter: UInt64 = 0
        var cancelledWaiters: Set<UInt64> = []

        var mustWait: Bool { failure == nil && (isFull || outgoingBytes >= MessagePipe.highWaterBytes) }

        mutating func append(_ message: Prepared) {
            outgoing.append(.message(message.bytes, isCompressed: message.isCompressed))
            outgoingBytes += message.bytes.readableBytes + MessageDecoder.prefixBytes
        }
    }

    let state = Locked(State())
    let port: any MessagePort
    /// Consumed bytes that may wait before the loop is told, so that small messages do not each cost a wake.
    private let creditBytes: Int

    /// - Parameter window: what the peer may send on the stream before it is given back, in bytes.
    init(port: any MessagePort, window: Int) {
        self.port = port
        creditBytes = min(32 * 1024, window / 4)
    }

    // MARK: The task's side

    /// The next message; nil after the last.
    ///
    /// - Throws: `GRPCError` with which the stream ended, `CancellationError` when the task is cancelled.
    func next() async throws -> ByteBuffer? {
        if let taken = try takeNow() { return taken.message }
        let id = newWaiter()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelledWaiters.remove(id) != nil { return .failure(CancellationError()) }
                    guard state.incoming.isEmpty, state.incomingEnd == nil, state.reader == nil else {
                        return .success(())
                    }
                    state.reader = (id, continuation)
                    return nil
                }
                guard let outcome else { return }
                continuation.resume(with: Result { try outcome.flatMap { Result { try takeNow()?.message } }.get() })
            }
        } onCancel: {
            let reader = state.withLock { state -> CheckedContinuation<ByteBuffer?, any Error>? in
                guard let reader = state.reader, reader.id == id else {
                    state.cancelledWaiters.insert(id)
                    return nil
                }
                state.reader = nil
                return reader.continuation
            }
            reader?.resume(throwing: CancellationError())
        }
    }

    private func newWaiter() -> UInt64 {
        state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
    }

    private struct Taken {
        var message: ByteBuffer?
    }

    /// Nil when one must wait.
    private func takeNow() throws -> Taken? {
        let (taken, credit) = try state.withLock { state throws -> (Taken?, Int) in
            if let first = state.incoming.popFirst() {
                state.credit += first.heldBytes
                var isDue = state.credit > 0 && state.credit >= creditBytes
                if state.incoming.isEmpty, state.heldOfPartial > 0 {
                    state.credit += state.heldOfPartial
                    state.heldOfPartial = 0
                    isDue = true
                }
                let credit = isDue ? state.credit : 0
                state.credit -= credit
                return (Taken(message: first.message), credit)
            }
            guard let end = state.incomingEnd else {
                if state.reader != nil {
                    throw GRPCError(.internalError, "two tasks read one stream", reach: .unknown)
                }
                return (nil, 0)
            }
            try end.get()
            return (Taken(message: nil), 0)
        }
        if credit > 0 { port.postConsumed(credit) }
        return taken
    }

    /// Hands a message over, and waits until there is room for another.
    ///
    /// - Throws: `GRPCError` with which the stream ended, `CancellationError` when the task is cancelled; the message is then
    ///   on its way or not.
    func send(_ message: ByteBuffer, isCompressed: Bool) async throws {
        if try !handOver({ $0.append((message, isCompressed)) }) { try await waitForRoom() }
    }

    /// As `send`, of many at once.
    func send(contentsOf messages: [Prepared]) async throws {
        if try !handOver({ state in for message in messages { state.append(message) } }) { try await waitForRoom() }
    }

    /// Hands messages over, all of them or none: false when there is no room for any.
    func offer(contentsOf messages: [Prepared]) throws -> Bool {
        guard state.withLock({ !$0.mustWait }) else { return false }
        _ = try handOver { state in for message in messages { state.append(message) } }
        return true
    }

    /// Returns whether there is room for more.
    private func handOver(_ add: (inout State) -> Void) throws -> Bool {
        let (posts, waits) = try state.withLock { state throws in
            if let failure = state.failure { throw failure }
            guard !state.isEnded else {
                throw GRPCError(.internalError, "a message after the end of its stream", reach: .unknown)
            }
            add(&state)
            defer { state.isPosted = true }
            return (!state.isPosted, state.mustWait)
        }
        if posts { port.postOutgoing() }
        return !waits
    }

    /// Nothing more is sent. Only the first counts.
    func end(_ outcome: Result<GRPCMetadata, GRPCError>) {
        let posts = state.withLock { state in
            guard state.failure == nil, !state.isEnded else { return false }
            state.isEnded = true
            state.outgoing.append(.end(outcome))
            defer { state.isPosted = true }
            return !state.isPosted
        }
        if posts { port.postOutgoing() }
    }

    private func waitForRoom() async throws {
        let id = newWaiter()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelledWaiters.remove(id) != nil { return .failure(CancellationError()) }
                    if let failure = state.failure { return .failure(failure) }
                    guard state.mustWait else { return .success(()) }
                    state.writers[id] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let writer = state.withLock { state in
                let writer = state.writers.removeValue(forKey: id)
                if writer == nil { state.cancelledWaiters.insert(id) }
                return writer
            }
            writer?.resume(throwing: CancellationError())
        }
    }
}
