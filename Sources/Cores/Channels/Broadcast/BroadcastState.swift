public import DequeModule

/// The buffers of a `Broadcast`, and who waits for what.
///
/// An element goes to all subscribers in one step or to none: it waits in line while a subscriber with the policy `wait`
/// has no room. So every subscriber sees all elements in the same order.
@usableFromInline
struct BroadcastState<Element, Publisher, Receiver> {
    @usableFromInline
    struct SubscriberID: Hashable, Comparable, Sendable {
        @usableFromInline
        let number: UInt64

        @inlinable
        init(number: UInt64) {
            self.number = number
        }

        @inlinable
        static func < (left: Self, right: Self) -> Bool { left.number < right.number }
    }

    /// What a subscriber gets.
    @usableFromInline
    enum Reception {
        case element(Element)
        /// With the error of `close`, if any.
        case ended((any Error)?)
        case disconnected(SubscriberTooSlow)
    }

    /// Those to resume, and with what.
    @usableFromInline
    struct Actions {
        @usableFromInline
        var receptions: [(receiver: Receiver, reception: Reception)] = []
        /// Their elements have been published.
        @usableFromInline
        var published: [Publisher] = []
        /// Their elements have not, and will not be.
        @usableFromInline
        var refused: [Publisher] = []

        @inlinable
        init() {}
    }

    @usableFromInline
    struct Subscriber {
        @usableFromInline
        let id: SubscriberID
        @usableFromInline
        let capacity: Int
        @usableFromInline
        let policy: BroadcastPolicy
        @usableFromInline
        var buffer: Deque<Element>
        /// Not empty only while the buffer is.
        @usableFromInline
        var line = WaitLine<Receiver>()
        @usableFromInline
        var missed = 0
        @usableFromInline
        var isDisconnected = false

        @inlinable
        init(id: SubscriberID, capacity: Int, policy: BroadcastPolicy, first: Element?) {
            self.id = id
            self.capacity = capacity
            self.policy = policy
            buffer = first.map { [$0] } ?? []
        }

        @inlinable
        var isInTheWay: Bool { policy == .wait && buffer.count >= capacity }

        @inlinable
        mutating func add(_ element: Element) {
            if buffer.count < capacity, !isDisconnected { return buffer.append(element) }
            missed += 1
            switch policy {
            case .dropOldest:
                buffer.removeFirst()
                buffer.append(element)
            case .disconnect: isDisconnected = true
            case .dropNewest, .wait: break
            }
        }
    }

    /// In the order in which they came.
    @usableFromInline
    var subscribers: [Subscriber] = []
    @usableFromInline
    var line = WaitLine<(element: Element, publisher: Publisher)>()
    @usableFromInline
    var lastNumber: UInt64 = 0
    @usableFromInline
    var isClosed = false
    /// Why it is closed.
    @usableFromInline
    var cause: (any Error)?

    @inlinable
    init() {}

    @inlinable
    var subscriberCount: Int { subscribers.count }

    /// How many elements wait to be published.
    @inlinable
    var waiting: Int { line.count }

    // MARK: Publishing

    /// nil when it must wait in line (`enqueue`). Nobody overtakes those who wait, for they wait only while a subscriber is
    /// in the way.
    @inlinable
    mutating func publish(_ element: Element) -> Actions? {
        guard !isHeldUp else { return nil }
        var actions = Actions()
        deliver(element, &actions)
        return actions
    }

    @inlinable
    mutating func enqueue(_ element: Element, _ publisher: Publisher) -> Ticket {
        line.join((element, publisher))
    }

    /// Its element is not published. The others wait for the same thing as it did, so none of them may go on.
    @inlinable
    mutating func cancel(publisher ticket: Ticket) -> Publisher? {
        line.leave(ticket)?.publisher
    }

    /// Nothing is published any more; what is in the buffers is still read. The first call counts.
    @inlinable
    mutating func close(_ cause: (any Error)?) -> Actions {
        var actions = Actions()
        guard !isClosed else { return actions }
        isClosed = true
        self.cause = cause
        actions.refused = line.popAll().map(\.publisher)
        for index in subscribers.indices {
            actions.receptions += subscribers[index].line.popAll().map { ($0, .ended(cause)) }
        }
        return actions
    }

    // MARK: Subscribing

    @inlinable
    mutating func subscribe(capacity: Int, policy: BroadcastPolicy, first: Element? = nil) -> SubscriberID {
        lastNumber += 1
        let id = SubscriberID(number: lastNumber)
        subscribers.append(Subscriber(id: id, capacity: capacity, policy: policy, first: first))
        return id
    }

    @inlinable
    mutating func unsubscribe(_ id: SubscriberID) -> Actions {
        var actions = Actions()
        guard let index = index(of: id) else { return actions }
        var subscriber = subscribers.remove(at: index)
        actions.receptions = subscriber.line.popAll().map { ($0, .ended(nil)) }
        publishWaiting(&actions)
        return actions
    }

    /// nil when there is nothing to take yet: then `wait`.
    @inlinable
    mutating func receive(_ id: SubscriberID) -> (reception: Reception, actions: Actions)? {
        var actions = Actions()
        guard let index = index(of: id) else { return (.ended(nil), actions) }
        guard let element = subscribers[index].buffer.popFirst() else {
            if subscribers[index].isDisconnected {
                let subscriber = subscribers.remove(at: index)
                let error = SubscriberTooSlow(missed: subscriber.missed, capacity: subscriber.capacity)
                return (.disconnected(error), actions)
            }
            return isClosed ? (.ended(cause), actions) : nil
        }
        publishWaiting(&actions)
        return (.element(element), actions)
    }

    /// Precondition: `receive` gave nothing.
    @inlinable
    mutating func wait(_ id: SubscriberID, _ receiver: Receiver) -> Ticket {
        guard let index = index(of: id) else { preconditionFailure("whoever is not subscribed does not wait") }
        return subscribers[index].line.join(receiver)
    }

    @inlinable
    mutating func cancel(receiver ticket: Ticket, of id: SubscriberID) -> Receiver? {
        index(of: id).flatMap { subscribers[$0].line.leave(ticket) }
    }

    /// How many elements did not reach a subscriber so far.
    @inlinable
    func missed(_ id: SubscriberID) -> Int {
        index(of: id).map { subscribers[$0].missed } ?? 0
    }

    // MARK: -

    /// Looks at the subscribers where they are: `contains(where:)` would copy each.
    @inlinable
    var isHeldUp: Bool {
        for index in subscribers.indices where subscribers[index].isInTheWay { return true }
        return false
    }

    @inlinable
    mutating func publishWaiting(_ actions: inout Actions) {
        while !isHeldUp, let next = line.popFirst() {
            deliver(next.element, &actions)
            actions.published.append(next.publisher)
        }
    }

    @inlinable
    mutating func deliver(_ element: Element, _ actions: inout Actions) {
        for index in subscribers.indices {
            if let receiver = subscribers[index].line.popFirst() {
                actions.receptions.append((receiver, .element(element)))
            } else {
                subscribers[index].add(element)
            }
        }
    }

    @inlinable
    func index(of id: SubscriberID) -> Int? {
        var (low, high) = (0, subscribers.count)
        while low < high {
            let middle = (low + high) / 2
            if subscribers[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < subscribers.count && subscribers[low].id == id ? low : nil
    }
}
