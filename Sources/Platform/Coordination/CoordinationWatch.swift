public import ApusKV

/// The changes of a range as an asynchronous sequence, for one consumer.
///
/// It pulls: nothing is kept for a consumer that is not asking, beyond a small backlog of a bounded size; one that fell
/// behind is served from the store's history. It ends by throwing: `CancellationError` when the consuming task is
/// cancelled, `CoordinationError` `.compacted` when the consumer fell behind what the store keeps, another
/// `CoordinationError` when the store is closed or out of reach. Nothing is skipped before that. A second consumer that
/// waits at the same time gets `.invalidRequest`, and the watch ends for both.
///
/// The watcher is removed when the sequence ends, when `cancel()` is called, and when the last reference to the
/// sequence and its iterator goes.
public struct CoordinationWatch: AsyncSequence, Sendable {
    public typealias Element = WatchBatch

    private let source: Source

    /// For those who implement a store.
    ///
    /// - Parameters:
    ///   - next: waits for the next changes; must react to cancellation of its task.
    ///   - cancel: removes the watcher; may be called more than once, and while `next` waits, which then throws.
    public init(
        next: @escaping @Sendable () async throws -> WatchBatch, cancel: @escaping @Sendable () -> Void
    ) {
        source = Source(next: next, cancel: cancel)
    }

    /// Ends the watch; whoever waits for its next element gets `CancellationError`.
    public func cancel() {
        source.cancel()
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(source: source)
    }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let source: Source

        /// Never nil: a watch ends by throwing.
        public mutating func next() async throws -> WatchBatch? {
            do {
                return try await source.next()
            } catch {
                source.cancel()
                throw error
            }
        }
    }

    fileprivate final class Source: Sendable {
        let next: @Sendable () async throws -> WatchBatch
        let cancel: @Sendable () -> Void

        init(next: @escaping @Sendable () async throws -> WatchBatch, cancel: @escaping @Sendable () -> Void) {
            self.next = next
            self.cancel = cancel
        }

        deinit {
            cancel()
        }
    }
}
