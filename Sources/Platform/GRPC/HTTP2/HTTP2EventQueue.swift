/// Events that happened otherwise than by the frame that is being read; taken in order.
struct HTTP2EventQueue: Sendable {
    /// Mostly there is one at a time, and it needs no array.
    private var first: HTTP2Event?
    private var others: [HTTP2Event] = []
    private var head = 0

    @inline(__always)
    var isEmpty: Bool { first == nil }

    @inline(__always)
    mutating func append(_ event: HTTP2Event) {
        if first == nil { first = event } else { others.append(event) }
    }

    @inline(__always)
    mutating func popFirst() -> HTTP2Event? {
        guard let event = first.take() else { return nil }
        if head < others.count { advance() }
        return event
    }

    private mutating func advance() {
        first = others[head]
        head += 1
        if head == others.count {
            others.removeAll(keepingCapacity: true)
            head = 0
        }
    }
}
