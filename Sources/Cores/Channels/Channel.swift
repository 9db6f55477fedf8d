public import ApusPrimitives

/// A typed pipe between tasks, as in Go: elements go in at one end and come out at the other, each exactly once, first in,
/// first out.
///
/// With a capacity of 0 (the default) a send and a receive meet: `send` returns when a receiver has the element. With a
/// capacity, `send` waits only while that many elements are waiting to be received. `close` ends it: what was sent before
/// is still received, then `receive` returns nil.
///
/// **Cancellation.** An operation that waits ends with `CancellationError` when its task is cancelled, and then it has not
/// happened: a cancelled `send` delivered nothing (its element is destroyed), a cancelled `receive` took nothing.
/// Operations that need not wait go through even in a cancelled task, so that a channel can be drained.
///
/// Elements need not be `Sendable`, nor copyable: they are given away by the sender (`sending`).
///
/// Source: C. A. R. Hoare, "Communicating Sequential Processes" (1978); the promises are those of the Go language
/// specification (channel types, send statements, receive operator, close) and of the Go memory model.
// Safe: `state` is reached only while `lock` is held; so its exclusivity need not be checked once more at run time.
public final class Channel<Element: ~Copyable>: @unchecked Sendable {
    @usableFromInline let lock = ShortLock()
    @exclusivity(unchecked) @usableFromInline var state: ChannelState<Element, ChannelWaiter>

    /// - Parameter capacity: how many elements wait in the channel at most, from 0; memory for them is taken at once.
    @inlinable
    public init(capacity: Int = 0) {
        precondition(capacity >= 0, "a channel's capacity is 0 or more")
        state = ChannelState(capacity: capacity)
    }

    /// How many elements the channel holds at most; 0 when senders and receivers meet.
    @inlinable
    public var capacity: Int { state.buffer.capacity }

    /// How many elements are waiting in the channel now.
    @inlinable
    public var count: Int {
        lock.lock()
        defer { lock.unlock() }
        return state.buffer.count
    }

    /// Whether `close` was called; elements may still be waiting.
    @inlinable
    public var isClosed: Bool {
        lock.lock()
        defer { lock.unlock() }
        return state.isClosed
    }

    /// Nothing more will be sent. Receivers get what was sent before and then nil; senders that wait or come later get
    /// `ChannelClosed`.
    ///
    /// - Returns: false when it was closed before; only the first close counts.
    @discardableResult
    public func close() -> Bool {
        close(cause: nil)
    }

    /// Nothing more will be sent, for a reason. Receivers get what was sent before and then this error; senders get
    /// `ChannelClosed` with this error as its cause.
    ///
    /// - Returns: false when it was closed before; only the first close counts.
    @discardableResult
    public func close(throwing error: any Error) -> Bool {
        close(cause: error)
    }

    /// The place of this channel in the order of locking.
    @inlinable
    var address: UInt { UInt(bitPattern: ObjectIdentifier(self)) }

    private func close(cause: (any Error)?) -> Bool {
        lock.lock()
        let waiters = state.close(cause)
        lock.unlock()
        guard let waiters else { return false }
        for waiter in waiters { waiter.resume(.closed) }
        return true
    }
}

/// A node that a cancellation handler may reach.
// Safe: it is only looked into while the channel's lock is held, and before the operation that owns it is over.
@usableFromInline
struct ChannelPlace<Element: ~Copyable>: @unchecked Sendable {
    @usableFromInline let node: ChannelNode<Element, ChannelWaiter>.Reference

    @inlinable
    init(_ node: ChannelNode<Element, ChannelWaiter>.Reference) {
        self.node = node
    }
}
