/// Keeps what an event is about out of the event queue, whose elements are moved often.
struct Slots<Element> {
    private var elements: [Element?] = []
    private var free: [Int] = []

    mutating func put(_ element: Element) -> Int {
        if let slot = free.popLast() {
            elements[slot] = element
            return slot
        }
        elements.append(element)
        return elements.count - 1
    }

    /// The slot was given out by `put` and is taken once.
    mutating func take(_ slot: Int) -> Element {
        guard let element = elements[slot] else { preconditionFailure("slot \(slot) is empty") }
        elements[slot] = nil
        free.append(slot)
        return element
    }
}
