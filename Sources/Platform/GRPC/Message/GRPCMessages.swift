import NIOCore

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
    private let putAll: @Sendable ([Element]) async throws -> Void
    private let tryPut: @Sendable ([Element]) throws -> Bool

    /// - Parameters:
    ///   - putAll: as `put`, at the cost of one.
    ///   - tryPut: as `offer`.
    init(
        _ put: @escaping @Sendable (Element) async throws -> Void,
        all putAll: @escaping @Sendable ([Element]) async throws -> Void,
        tryPut: @escaping @Sendable ([Element]) throws -> Bool
    ) {
        self.put = put
        self.putAll = putAll
        self.tryPut = tryPut
    }

    /// One that can only wait.
    init(_ put: @escaping @Sendable (Element) async throws -> Void) {
        self.init(put, all: { for message in $0 { try await put(message) } }, tryPut: { _ in false })
    }

    /// Sends a message, and waits while the peer does not read: at most 64 KiB and one message are kept for it on the way to
    /// the connection, and as much again there.
    ///
    /// - Throws: `GRPCError` with which the stream ended, `CancellationError` when the task or the call was cancelled.
    public func send(_ message: Element) async throws {
        try await put(message)
    }

    /// As `send`, for which they are one message.
    public func send(contentsOf messages: [Element]) async throws {
        try await putAll(messages)
    }

    /// Sends messages, all or none, from where one must not wait.
    ///
    /// - Returns: false when none is sent, because there is no room: `send` waits until there is. A client's writer always says
    ///   so.
    /// - Throws: `GRPCError` with which the stream ended.
    public func offer(contentsOf messages: [Element]) throws -> Bool {
        try tryPut(messages)
    }

    func map<Mapped>(_ transform: @escaping @Sendable (Mapped) throws -> Element) -> GRPCMessageWriter<Mapped> {
        GRPCMessageWriter<Mapped>(
            { try await put(transform($0)) }, all: { try await putAll($0.map(transform)) },
            tryPut: { try tryPut($0.map(transform)) })
    }
}

extension GRPCMessageWriter<ByteBuffer> {
    init(_ pipe: MessagePipe, compresses: Bool, limit: Int) {
        let prepare: @Sendable (ByteBuffer) throws -> MessagePipe.Prepared = {
            try MessageEncoding.prepare($0, compresses: compresses, limit: limit)
        }
        self.init(
            {
                let (bytes, isCompressed) = try prepare($0)
                try await pipe.send(bytes, isCompressed: isCompressed)
            }, all: { try await pipe.send(contentsOf: $0.map(prepare)) },
            tryPut: { try pipe.offer(contentsOf: $0.map(prepare)) })
    }
}
