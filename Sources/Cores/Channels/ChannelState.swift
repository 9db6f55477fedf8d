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
    enum SendAction {
        case buffered
        /// The element lies in the receiver's node: wake it.
        case handed(Waiter)
        /// It still has its element, as after `closed`.
        case full
        case closed
    }

    @usableFromInline
    enum ReceiveAction {
        case received
        /// A sender has been relieved of its element: wake it.
        case receivedFrom(Waiter)
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

    /// Takes the element out of `parcel`, unless it answers `full` or `closed`.
    @inlinable
    mutating func send(_ parcel: inout ChannelParcel<Element>?) -> SendAction {
        if receivers.first != nil, let node = receivers.claimFirst() {
            node.pointee.parcel = parcel.take()
            return .handed(node.pointee.waiter.take()!)
        }
        if isClosed { return .closed }
        if buffer.isFull { return .full }
        buffer.append(parcel.take()!)
        return .buffered
    }

    /// Puts an element into `parcel`, unless it answers `empty` or `closed`.
    @inlinable
    mutating func receive(_ parcel: inout ChannelParcel<Element>?) -> ReceiveAction {
        if buffer.count > 0 {
            parcel = buffer.takeFirst()
            guard senders.first != nil, let node = senders.claimFirst() else { return .received }
            buffer.append(node.pointee.parcel.take()!)
            return .receivedFrom(node.pointee.waiter.take()!)
        }
        if senders.first != nil, let node = senders.claimFirst() {
            parcel = node.pointee.parcel.take()
            return .receivedFrom(node.pointee.waiter.take()!)
        }
        return isClosed ? .closed : .empty
    }
}
