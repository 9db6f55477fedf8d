import DequeModule

/// Proposals in the order in which they came.
struct WaiterQueue {
    private var waiters: Deque<ProposalWaiter> = []

    var isEmpty: Bool { waiters.isEmpty }
    var first: ProposalWaiter? { waiters.first }

    mutating func append(_ waiter: ProposalWaiter) { waiters.append(waiter) }

    /// Before all others, in their order.
    mutating func putBack(_ returned: [ProposalWaiter]) { waiters.insert(contentsOf: returned, at: 0) }

    /// The first ones: at most `count`, and of `bytes` together, but one at least.
    func batch(count: Int, bytes: Int) -> [ProposalWaiter] {
        var taken: [ProposalWaiter] = []
        var size = 0
        for waiter in waiters.prefix(count) {
            size += waiter.size
            if size > bytes, !taken.isEmpty { break }
            taken.append(waiter)
        }
        return taken
    }

    mutating func removeFirst(_ count: Int) { waiters.removeFirst(count) }

    mutating func remove(_ waiter: ProposalWaiter) -> Bool {
        guard let index = waiters.firstIndex(where: { $0 === waiter }) else { return false }
        waiters.remove(at: index)
        return true
    }

    mutating func popFirst() -> ProposalWaiter? { waiters.popFirst() }
}

/// Proposals under way, by their sequence.
struct OutstandingProposals {
    private var waiters: Deque<ProposalWaiter?> = []
    /// That of the first; nothing before it is waited for.
    private(set) var firstSequence: UInt64 = 1

    var count: Int { waiters.count }
    var nextSequence: UInt64 { firstSequence + UInt64(waiters.count) }
    /// The one that waits for longest.
    var first: ProposalWaiter? { waiters.first ?? nil }

    mutating func append(_ waiter: ProposalWaiter) { waiters.append(waiter) }

    subscript(offset: Int) -> ProposalWaiter? { waiters[offset] }

    /// The one with this sequence, which waits no longer.
    mutating func remove(_ sequence: UInt64) -> ProposalWaiter? {
        guard sequence >= firstSequence, sequence < nextSequence else { return nil }
        let offset = Int(sequence - firstSequence)
        guard let waiter = waiters[offset] else { return nil }
        waiters[offset] = nil
        trim()
        return waiter
    }

    mutating func remove(_ sequence: UInt64, if condition: (ProposalWaiter) -> Bool) -> Bool {
        guard sequence >= firstSequence, sequence < nextSequence else { return false }
        guard let waiter = waiters[Int(sequence - firstSequence)], condition(waiter) else { return false }
        return remove(sequence) != nil
    }

    /// All of them, in order; the next session begins with the sequence 1.
    mutating func removeAll() -> [ProposalWaiter] {
        defer { self = OutstandingProposals() }
        return waiters.compactMap { $0 }
    }

    private mutating func trim() {
        while let first = waiters.first, first == nil {
            waiters.removeFirst()
            firstSequence += 1
        }
    }
}
