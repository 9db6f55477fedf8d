/// A value each time it is different from what it was, and once at the start. A slow consumer gets the latest value and
/// none of those between.
public struct DistinctUpdates<Element: Equatable & Sendable>: AsyncSequence, Sendable {
    public typealias Failure = Never

    let notices: ChangeNotices
    let read: @Sendable () -> Element

    public func makeAsyncIterator() -> Iterator {
        Iterator(notices: notices.makeAsyncIterator(), read: read)
    }

    public struct Iterator: AsyncIteratorProtocol {
        var notices: ChangeNotices.Iterator
        let read: @Sendable () -> Element
        var last: Element?

        /// nil when the task is cancelled.
        public mutating func next() async -> Element? {
            await next(isolation: #isolation)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? {
            while await notices.next(isolation: actor) != nil {
                let value = read()
                if value == last { continue }
                last = value
                return value
            }
            return nil
        }
    }
}
