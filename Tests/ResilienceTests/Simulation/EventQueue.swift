import ApusPrimitives

/// What happens next, earliest first; what happens at the same moment in the order in which it was scheduled.
struct EventQueue<Event> {
    private struct Entry {
        let time: MonotonicTime
        let number: Int
        let event: Event

        func comes(before other: Entry) -> Bool {
            time == other.time ? number < other.number : time < other.time
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var scheduled = 0

    mutating func schedule(_ event: Event, at time: MonotonicTime) {
        scheduled += 1
        entries.append(Entry(time: time, number: scheduled, event: event))
        var child = entries.count - 1
        while child > 0, entries[child].comes(before: entries[(child - 1) / 2]) {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: MonotonicTime, event: Event)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return (first.time, first.event) }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].comes(before: entries[least]) { least = child }
            }
            guard least != parent else { return (first.time, first.event) }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
