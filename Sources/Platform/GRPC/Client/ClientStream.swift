import ApusPrimitives
import ApusResilience
import NIOCore

/// One attempt of a call at a client.
// Safe: made by a task, which then only passes it along; from the post `start` on, its state is touched on the loop of its
// connection only.
final class ClientStream: @unchecked Sendable, MessagePort {
    enum Form {
        case unary(ByteBuffer, CheckedContinuation<Answer, any Error>)
        case stream(MessagePipe)
    }

    struct Answer: Sendable {
        var message: ByteBuffer
        var headers: HTTP2Headers
        var trailers: HTTP2Headers
    }

    enum Phase {
        /// Waits for a stream number. To `open`, or `over`.
        case waiting
        /// To `over`.
        case open
        case over
    }

    let head: GRPCCallHead
    let previousAttempts: Int
    let door: ClientDoor
    var form: Form?
    var phase = Phase.waiting
    /// The loop has taken it over from its task.
    var isStarted = false
    var stream: HTTP2Stream?
    var decoder: MessageDecoder
    var message: ByteBuffer?
    var headers: HTTP2Headers?
    /// Of a call with streams: when the response's headers have come.
    let began: Signal<GRPCMetadata>?
    let trailers: Signal<GRPCMetadata>?

    init(head: GRPCCallHead, previousAttempts: Int, door: ClientDoor, limit: Int, hasStreams: Bool) {
        self.head = head
        self.previousAttempts = previousAttempts
        self.door = door
        decoder = MessageDecoder(limit: limit)
        began = hasStreams ? Signal() : nil
        trailers = hasStreams ? Signal() : nil
    }

    var pipe: MessagePipe? {
        if case .stream(let pipe)? = form { pipe } else { nil }
    }

    func postOutgoing() {
        door.mailbox.post(.outgoing(self))
    }

    func postConsumed(_ bytes: Int) {
        door.mailbox.post(.consumed(self, bytes))
    }

    /// Ends the attempt. Only the first outcome counts.
    func finish(_ outcome: Result<HTTP2Headers, GRPCError>) {
        guard phase != .over else { return }
        phase = .over
        defer { form = nil }
        switch (form, outcome) {
        case (.unary(_, let continuation), .success(let trailers)):
            guard let message else {
                return continuation.resume(
                    throwing: GRPCError(.internalError, "a status OK without a message", reach: .answered))
            }
            continuation.resume(
                returning: Answer(message: message, headers: headers ?? HTTP2Headers(), trailers: trailers))
        case (.unary(_, let continuation), .failure(let error)): continuation.resume(throwing: error)
        case (.stream(let pipe), .success(let fields)):
            trailers?.send(fields.metadata)
            pipe.receivedEnd(.success(()))
            pipe.failed(GRPCError(.cancelled, "the server has ended the call with OK", reach: .answered))
        case (.stream(let pipe), .failure(let error)):
            began?.fail(error)
            trailers?.fail(error)
            pipe.failed(error)
        case (nil, _): break
        }
    }
}

/// How other threads reach a connection.
final class ClientDoor: Sendable {
    let mailbox: Mailbox<ClientPost>

    init(mailbox: Mailbox<ClientPost>) {
        self.mailbox = mailbox
    }

    /// Hands `call` to the connection; one that has ended in the meantime leaves it unsent.
    func start(_ call: ClientStream) {
        guard !mailbox.post(.start(call)) else { return }
        call.finish(.failure(GRPCError(.unavailable, "the connection ended before the call was sent", reach: .notSent)))
    }
}

/// What other threads tell a connection.
enum ClientPost: Sendable {
    case start(ClientStream)
    /// Nobody waits for the call any more.
    case cancel(ClientStream)
    case outgoing(ClientStream)
    case consumed(ClientStream, Int)
    case drain
    case close
}
