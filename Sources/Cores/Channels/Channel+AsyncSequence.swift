/// `for try await element in channel` receives until the channel is closed and drained, as Go's `for range`. Several loops
/// over one channel share its elements.
extension Channel: AsyncSequence {
    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline let channel: Channel<Element>

        @inlinable
        init(_ channel: Channel<Element>) {
            self.channel = channel
        }

        @inlinable
        public mutating func next() async throws -> Element? {
            try await channel.receive()
        }

        @inlinable
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
            try await channel.receive()
        }
    }

    @inlinable
    public func makeAsyncIterator() -> Iterator {
        Iterator(self)
    }
}

extension ReceiveChannel: AsyncSequence {
    @inlinable
    public func makeAsyncIterator() -> Channel<Element>.Iterator {
        Channel<Element>.Iterator(channel)
    }
}
