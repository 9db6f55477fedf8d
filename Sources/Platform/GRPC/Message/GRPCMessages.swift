/// The messages of a stream as they come. One task at a time reads them; the peer is only let to send as fast as they are read.
public struct GRPCMessages<Element: Sendable>: AsyncSequence, Sendable {
    public typealias Failure = any Error

    private let take: @Sendable () async throws -> Element?

    init(_ take: @escaping @Sendable () async throws -> Element?) {
        self.take = take
    }

    /// The next message; nil after the last.
    ///
    /// - Throws: `GRPCError` with which the stream ended, `CancellationError` when the task or the call was cancelled.
    public func next() async throws -> Element? {
        try await take()
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(messages: self)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let messages: GRPCMessages

        public func next() async throws -> Element? {
            try await messages.next()
        }

        public func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> Element? {
            try await messages.next()
        }
    }

    func map<Mapped>(_ transform: @escaping @Sendable (Element) throws -> Mapped) -> GRPCMessages<Mapped> {
        GRPCMessages<Mapped> { try await next().map(transform) }
    }

    /// The one message of a stream that has exactly one.
    func only() async throws -> Element {
        guard let element = try await next() else {
            throw GRPCError(.internalError, "a stream without the message that it must have", reach: .answered)
        }
        guard try await next() == nil else {
            throw GRPCError(.internalError, "a second message where only one may be", reach: .answered)
        }
        return element
    }
}

/// Sends the messages of a stream; several tasks may.
public struct GRPCMessageWriter<Element: Sendable>: Sendable {
    private let put: @Sendable (Element) async throws -> Void

    init(_ put: @escaping @Sendable (Element) async throws -> Void) {
        self.put = put
    }

    /// Sends a message, and waits while the peer does not read: at most 64 KiB and one message are kept for it on the way to
    /// the connection, and as much again there.
    ///
    /// - Throws: `GRPCError` with which the stream ended, `CancellationError` when the task or the call was cancelled.
    public func send(_ message: Element) async throws {
        try await put(message)
    }

    func map<Mapped>(_ transform: @escaping @Sendable (Mapped) throws -> Element) -> GRPCMessageWriter<Mapped> {
        GRPCMessageWriter<Mapped> { try await put(transform($0)) }
    }
}
