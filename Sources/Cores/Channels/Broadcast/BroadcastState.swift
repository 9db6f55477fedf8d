import DequeModule

/// The buffers of a `Broadcast`, and who waits for what.
///
/// An element goes to all subscribers in one step or to none: it waits in line while a subscriber with the policy `wait`
/// has no room. So every subscriber sees all elements in the same order.
struct BroadcastState<Element, Publisher, Receiver> {
    struct SubscriberID: Hashable, Comparable, Sendable {
        let number: UInt64

        static func < (left: Self, right: Self) -> Bool { left.number < right.number }
    }

    /// What a subscriber gets.
    enum Reception {
        case element(Element)
        /// With the error of `close`, if any.
        case ended((any Error)?)
        case disconnected(SubscriberTooSlow)
    }

    /// Those to resume, and with what.
    struct Actions {
        var receptions: [(receiver: Receiver, reception: Reception)] = []
        /// Their elements have been published.
        var published: [Publisher] = []
        /// Their elements have not, and will not be.
        var refused: [Publisher] = []
    }

    private struct Subscriber {
        let id: SubscriberID
        let capacity: Int
        let policy: BroadcastPolicy
        var buffer: Deque<Element> = []
        /// Not empty only while the buffer is.
        var line = WaitLine<Receiver>()
        var missed = 0
        var isDisconnected = false

        var isInTheWay: Bool { policy == .wait && buffer.count >= capacity }

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
    private var subscribers: [Subscriber] = []
    private var line = WaitLine<(element: Element, publisher: Publisher)>()
    private var lastNumber: UInt64 = 0
    private(set) var isClosed = false
    /// Why it is closed.
    private(set) var cause: (any Error)?

    var subscriberCount: Int { subscribers.count }

    /// How many elements wait to be published.
    var waiting: Int { line.count }

    // MARK: Publishing

    /// nil when it must wait in line (`enqueue`). Nobody overtakes those who wait.
    mutating func publish(_ element: Element) -> Actions? {
        guard line.isEmpty, !subscribers.contains(where: \.isInTheWay) else { return nil }
        var actions = Actions()
        deliver(element, &actions)
        return actions
    }

    mutating func enqueue(_ element: Element, _ publisher: Publisher) -> Ticket {
        line.join((element, publisher))
    }

    /// Its element is not published. The others wait for the same thing as it did, so none of them may go on.
    mutating func cancel(publisher ticket: Ticket) -> Publisher? {
        line.leave(ticket)?.publisher
    }

    /// Nothing is published any more; what is in the buffers is still read. The first call counts.
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

    mutating func subscribe(capacity: Int, policy: BroadcastPolicy, first: Element? = nil) -> SubscriberID {
        lastNumber += 1
        let id = SubscriberID(number: lastNumber)
        subscribers.append(Subscriber(id: id, capacity: capacity, policy: policy, buffer: first.map { [$0] } ?? []))
        return id
    }

    mutating func unsubscribe(_ id: SubscriberID) -> Actions {
        var actions = Actions()
        guard let index = index(of: id) else { return actions }
        var subscriber = subscribers.remove(at: index)
        actions.receptions = subscriber.line.popAll().map { ($0, .ended(nil)) }
        publishWaiting(&actions)
        return actions
    }

    /// nil when there is nothing to take yet: then `wait`.
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
    mutating func wait(_ id: SubscriberID, _ receiver: Receiver) -> Ticket {
        guard let index = index(of: id) else { preconditionFailure("whoever is not subscribed does not wait") }
        return subscribers[index].line.join(receiver)
    }

    mutating func cancel(receiver ticket: Ticket, of id: SubscriberID) -> Receiver? {
        index(of: id).flatMap { subscribers[$0].line.leave(ticket) }
    }

    /// How many elements did not reach a subscriber so far.
    func missed(_ id: SubscriberID) -> Int {
        index(of: id).map { subscribers[$0].missed } ?? 0
    }

    // MARK: -

    private mutating func publishWaiting(_ actions: inout Actions) {
        while !line.isEmpty, !subscribers.contains(where: \.isInTheWay), let next = line.popFirst() {
            deliver(next.element, &actions)
            actions.published.append(next.publisher)
        }
    }

    private mutating func deliver(_ element: Element, _ actions: inout Actions) {
        for index in subscribers.indices {
            if let receiver = subscribers[index].line.popFirst() {
                actions.receptions.append((receiver, .element(element)))
            } else {
                subscribers[index].add(element)
            }
        }
    }

    private func index(of id: SubscriberID) -> Int? {
        var (low, high) = (0, subscribers.count)
        while low < high {
            let middle = (low + high) / 2
            if subscribers[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < subscribers.count && subscribers[low].id == id ? low : nil
    }
}
