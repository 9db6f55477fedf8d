/// Somebody who waits at a channel.
@usableFromInline
protocol ChannelWaiting {
    /// Wins the waiter for the channel that calls it. False when another case of its `select` has won it before.
    func claim() -> Bool
}

/// What a channel holds and who waits at it: the decisions of a channel, without lock, task or continuation.
///
/// Each input returns what to do, and whoever holds the lock does it after releasing it. A node belongs to the
/// operation that reserved it, until that operation releases it; a node in a queue has its `waiter` set.
///
/// Two facts hold between inputs: receivers wait only while there is nothing to receive, senders only while the buffer is
/// full (but for those of a `select` that another channel has won, which stand there until it takes them away).
@usableFromInline
struct ChannelState<Element: ~Copyable, Waiter: ChannelWaiting>: ~Copyable {
    @usableFromInline typealias Node = ChannelNode<Element, Waiter>.Reference

    @usableFromInline
    enum Phase {
        /// To `closed`.
        case open
        /// Stays so.
        case closed((any Error)?)
    }

    @usableFromInline
    enum SendAction: ~Copyable {
        case buffered
        /// The element lies in the receiver's node: wake it.
        case handed(Waiter)
        case full(ChannelParcel<Element>)
        case closed(ChannelParcel<Element>)
    }

    @usableFromInline
    enum ReceiveAction: ~Copyable {
        case received(ChannelParcel<Element>)
        /// A sender has been relieved of its element: wake it.
        case receivedFrom(ChannelParcel<Element>, Waiter)
        case empty
        case closed
    }

    @usableFromInline var buffer: ChannelBuffer<Element>
    @usableFromInline var senders = ChannelQueue<Element, Waiter>()
    @usableFromInline var receivers = ChannelQueue<Element, Waiter>()
    @usableFromInline var phase = Phase.open
    /// Linked by `next`.
    @usableFromInline var spare: Node?

    @inlinable
    init(capacity: Int) {
        buffer = ChannelBuffer(capacity: capacity)
    }

    @inlinable
    deinit {
        var last = spare
        while let node = last {
            last = node.pointee.next
            node.deinitialize(count: 1)
            node.deallocate()
        }
    }

    @inlinable
    var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    /// The error of `close`, when it was given one.
    @inlinable
    var cause: (any Error)? {
        if case .closed(let cause) = phase { cause } else { nil }
    }

    /// Whether a send would not have to wait, unless the receivers that wait have all been won elsewhere.
    @inlinable
    var maySend: Bool { !buffer.isFull || receivers.first != nil || isClosed }

    /// Whether a receive would not have to wait, unless the senders that wait have all been won elsewhere.
    @inlinable
    var mayReceive: Bool { buffer.count > 0 || senders.first != nil || isClosed }

    @inlinable
    mutating func send(_ parcel: consuming ChannelParcel<Element>) -> SendAction {
        if receivers.first != nil, let node = receivers.claimFirst() {
            let waiter = node.pointee.waiter.take()
            node.pointee.parcel = consume parcel
            return .handed(waiter!)
        }
        if case .closed = phase { return .closed(parcel) }
        if buffer.isFull { return .full(parcel) }
        buffer.append(parcel)
        return .buffered
    }

    @inlinable
    mutating func receive() -> ReceiveAction {
        if buffer.count > 0 {
            let parcel = buffer.takeFirst()
            guard senders.first != nil, let node = senders.claimFirst() else { return .received(parcel) }
            let waiter = node.pointee.waiter.take()
            buffer.append(node.pointee.parcel.take()!)
            return .receivedFrom(parcel, waiter!)
        }
        if senders.first != nil, let node = senders.claimFirst() {
            let waiter = node.pointee.waiter.take()
            return .receivedFrom(node.pointee.parcel.take()!, waiter!)
        }
        return isClosed ? .closed : .empty
    }
}
