extension ChannelState where Element: ~Copyable {
    /// A node for an operation that may have to wait.
    @inlinable
    mutating func reserve() -> Node {
        guard let node = spare else {
            let node = Node.allocate(capacity: 1)
            node.initialize(to: ChannelNode())
            return node
        }
        spare = node.pointee.next
        return node
    }

    /// The operation is over. Its node must have left its queue; what is in it goes to the caller.
    @inlinable
    mutating func release(_ node: Node) -> ChannelParcel<Element>? {
        let parcel = node.pointee.parcel.take()
        node.pointee.next = spare
        spare = node
        return parcel
    }

    /// The node holds the element, and `send` has just answered `full`.
    @inlinable
    mutating func parkSender(_ node: Node, _ waiter: consuming Waiter) {
        node.pointee.waiter = waiter
        senders.append(node)
    }

    /// `receive` has just answered `empty`.
    @inlinable
    mutating func parkReceiver(_ node: Node, _ waiter: consuming Waiter) {
        node.pointee.waiter = waiter
        receivers.append(node)
    }

    /// Takes a sender out of its queue, if it still stands there; its element stays in the node.
    @inlinable
    mutating func withdrawSender(_ node: Node) -> Waiter? {
        guard let waiter = node.pointee.waiter.take() else { return nil }
        senders.remove(node)
        return waiter
    }

    /// Takes a receiver out of its queue, if it still stands there.
    @inlinable
    mutating func withdrawReceiver(_ node: Node) -> Waiter? {
        guard let waiter = node.pointee.waiter.take() else { return nil }
        receivers.remove(node)
        return waiter
    }

    /// - Returns: those to wake, in the order in which they came; nil when it was closed before.
    @inlinable
    mutating func close(_ cause: (any Error)?) -> [Waiter]? {
        guard !isClosed else { return nil }
        phase = .closed(cause)
        var waiters: [Waiter] = []
        while let node = receivers.claimFirst() { waiters.append(node.pointee.waiter.take()!) }
        while let node = senders.claimFirst() { waiters.append(node.pointee.waiter.take()!) }
        return waiters
    }
}
