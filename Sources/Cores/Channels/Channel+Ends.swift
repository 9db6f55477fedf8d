extension Channel where Element: ~Copyable {
    public typealias Sender = SendChannel<Element>
    public typealias Receiver = ReceiveChannel<Element>

    /// Hand this to those who only send.
    @inlinable
    public var sender: SendChannel<Element> { SendChannel(self) }

    /// Hand this to those who only receive.
    @inlinable
    public var receiver: ReceiveChannel<Element> { ReceiveChannel(self) }
}

/// The end of a channel that only sends, and may close it (Go's `chan<- T`).
public struct SendChannel<Element: ~Copyable>: Sendable {
    @usableFromInline let channel: Channel<Element>

    @inlinable
    public init(_ channel: Channel<Element>) {
        self.channel = channel
    }

    /// See `Channel.send`.
    @inlinable
    public func send(_ element: consuming sending Element) async throws {
        try await channel.send(element)
    }

    /// See `Channel.trySend`.
    @inlinable
    public func trySend(_ element: consuming sending Element) -> sending SendAttempt<Element> {
        channel.trySend(element)
    }

    /// See `Channel.close`.
    @discardableResult
    public func close() -> Bool {
        channel.close()
    }

    /// See `Channel.close(throwing:)`.
    @discardableResult
    public func close(throwing error: any Error) -> Bool {
        channel.close(throwing: error)
    }

    public var capacity: Int { channel.capacity }
    public var count: Int { channel.count }
    public var isClosed: Bool { channel.isClosed }
}

/// The end of a channel that only receives (Go's `<-chan T`); it cannot close it.
public struct ReceiveChannel<Element: ~Copyable>: Sendable {
    @usableFromInline let channel: Channel<Element>

    @inlinable
    public init(_ channel: Channel<Element>) {
        self.channel = channel
    }

    /// See `Channel.receive`.
    @inlinable
    public func receive() async throws -> sending Element? {
        try await channel.receive()
    }

    /// See `Channel.tryReceive`.
    @inlinable
    public func tryReceive() -> sending ReceiveAttempt<Element> {
        channel.tryReceive()
    }

    public var capacity: Int { channel.capacity }
    public var count: Int { channel.count }
    public var isClosed: Bool { channel.isClosed }
}
