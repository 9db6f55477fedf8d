import ApusPrimitives
import NIOCore

/// One call at a server.
// Safe: its state is touched on the loop of its connection only; other threads pass it along, and use `door` and `pipe`.
final class ServerStream: @unchecked Sendable, MessagePort {
    enum Phase {
        /// Its message is coming, or its handler runs.
        case open
        /// Its status is with the codec. To `closed`.
        case answered
        /// Nothing is sent or received any more.
        case closed
    }

    let stream: HTTP2Stream
    let method: ServerMethod?
    let began: MonotonicTime
    let door: ServerDoor
    var head: GRPCRequestHead
    var phase = Phase.open
    var decoder: MessageDecoder
    /// The one message of a unary call.
    var message: ByteBuffer?
    /// Its part of what its connection holds of requests.
    var heldBytes = 0
    /// Answers are compressed.
    var compresses = false
    var task: Task<Void, Never>?
    var context: GRPCServerCall?
    /// Of a call with streams.
    var pipe: MessagePipe?
    var hasSentHeaders = false
    /// How many of the middleware have seen it begin.
    var middlewareBegun = 0
    var responseMetadata = GRPCMetadata()
    var trailers = GRPCMetadata()

    init(
        stream: HTTP2Stream, method: ServerMethod?, head: GRPCRequestHead, limit: Int, began: MonotonicTime,
        door: ServerDoor
    ) {
        self.stream = stream
        self.method = method
        self.head = head
        self.began = began
        self.door = door
        decoder = MessageDecoder(limit: limit)
    }

    func take(_ additions: GRPCServerCall.Additions) {
        responseMetadata = additions.initial
        trailers = additions.trailing
    }

    func postOutgoing() {
        door.mailbox.post(.outgoing(self))
    }

    func postConsumed(_ bytes: Int) {
        door.mailbox.post(.consumed(self, bytes))
    }
}
