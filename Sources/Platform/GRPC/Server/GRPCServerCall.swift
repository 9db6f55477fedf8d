import ApusPrimitives

/// A call that is answered on the event loop. It must not leave its handler.
public struct GRPCLoopCall {
    let stream: ServerStream

    public var head: GRPCRequestHead { stream.head }

    /// Sent before the answer.
    public func add(initial metadata: GRPCMetadata) {
        stream.responseMetadata.append(contentsOf: metadata)
    }

    /// Sent after the answer.
    public func add(trailing metadata: GRPCMetadata) {
        stream.trailers.append(contentsOf: metadata)
    }
}

/// A call that a task answers. The task is cancelled when the caller goes away, or the deadline passes; the deadline is its
/// `Deadline.current`, and its trace `TraceContext.current`.
public final class GRPCServerCall: Sendable {
    struct Additions {
        var initial = GRPCMetadata()
        var trailing = GRPCMetadata()
    }

    public let head: GRPCRequestHead
    private let additions = Locked(Additions())

    init(head: GRPCRequestHead) {
        self.head = head
    }

    /// Sent before the first answer; what comes later than that is lost.
    public func add(initial metadata: GRPCMetadata) {
        additions.withLock { $0.initial.append(contentsOf: metadata) }
    }

    /// Sent with the status.
    public func add(trailing metadata: GRPCMetadata) {
        additions.withLock { $0.trailing.append(contentsOf: metadata) }
    }

    func takeAdditions() -> Additions {
        additions.withLock { $0 }
    }
}
