/// What became of a `trySend`. An element that was not sent comes back.
public enum SendAttempt<Element: ~Copyable>: ~Copyable {
    /// A receiver has it, or the buffer.
    case sent
    /// The buffer is full, and no receiver waits; later it may be accepted.
    case full(Element)
    /// Closed: it will never be accepted.
    case closed(Element)
}

extension SendAttempt: Copyable where Element: Copyable {}
extension SendAttempt: Sendable where Element: Sendable & ~Copyable {}
extension SendAttempt: Equatable where Element: Equatable {}

extension SendAttempt where Element: ~Copyable {
    public var isSent: Bool {
        switch self {
        case .sent: true
        default: false
        }
    }
}

/// What a `tryReceive` found.
public enum ReceiveAttempt<Element: ~Copyable>: ~Copyable {
    case received(Element)
    /// Nothing is there now, and no sender waits; later there may be.
    case empty
    /// Closed and drained: nothing will ever come. It holds the error of `close(throwing:)`.
    case closed((any Error)?)
}

extension ReceiveAttempt: Copyable where Element: Copyable {}
extension ReceiveAttempt: Sendable where Element: Sendable & ~Copyable {}

extension ReceiveAttempt {
    /// What was received; nil when nothing was.
    public var element: Element? {
        if case .received(let element) = self { element } else { nil }
    }
}

extension ReceiveAttempt where Element: ~Copyable {
    public var isClosed: Bool {
        switch self {
        case .closed: true
        default: false
        }
    }

    public var isEmpty: Bool {
        switch self {
        case .empty: true
        default: false
        }
    }
}
