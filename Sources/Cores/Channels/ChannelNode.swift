/// The place of one waiting operation at one channel. A channel keeps its nodes for the next who wait.
@usableFromInline
struct ChannelNode<Element: ~Copyable, Waiter>: ~Copyable {
    @usableFromInline typealias Reference = UnsafeMutablePointer<ChannelNode<Element, Waiter>>

    /// What a sender sends, or what a receiver was handed.
    @usableFromInline var parcel: ChannelParcel<Element>?
    /// Who waits; nil unless the node stands in a queue.
    @usableFromInline var waiter: Waiter?
    @usableFromInline var next: Reference?
    @usableFromInline var previous: Reference?

    @inlinable
    init() {}
}

/// Those who wait at one end of a channel, first come, first served; anyone can leave from the middle.
@usableFromInline
struct ChannelQueue<Element: ~Copyable, Waiter> {
    @usableFromInline typealias Reference = ChannelNode<Element, Waiter>.Reference

    @usableFromInline var first: Reference?
    @usableFromInline var last: Reference?

    @inlinable
    init() {}

    @inlinable
    var isEmpty: Bool { first == nil }

    @inlinable
    mutating func append(_ node: Reference) {
        node.pointee.next = nil
        node.pointee.previous = last
        if let last { last.pointee.next = node } else { first = node }
        last = node
    }

    @inlinable
    mutating func remove(_ node: Reference) {
        let next = node.pointee.next
        let previous = node.pointee.previous
        if let previous { previous.pointee.next = next } else { first = next }
        if let next { next.pointee.previous = previous } else { last = previous }
    }
}

extension ChannelQueue where Element: ~Copyable, Waiter: ChannelWaiting {
    /// The first that could be won, taken out; those before it, whose `select` another channel has won, leave too.
    @inlinable
    mutating func claimFirst() -> Reference? {
        while let node = first {
            remove(node)
            if node.pointee.waiter!.claim() { return node }
            node.pointee.waiter = nil
        }
        return nil
    }
}
