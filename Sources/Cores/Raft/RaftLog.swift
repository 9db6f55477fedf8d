import DequeModule

/// The entries that a node has in memory: those after `compactedIndex`, and which configuration holds where.
///
/// Looking up a term, and the bytes between two places, takes the same time wherever they are.
struct RaftLog: Sendable {
    private struct Slot {
        let entry: Entry
        /// The bytes of all entries from the first that this log ever had through this one.
        let end: Int
    }

    private struct PlacedConfiguration {
        let index: LogIndex
        let configuration: Configuration
    }

    /// The place before the first entry.
    private(set) var compactedIndex: LogIndex
    private(set) var compactedTerm: Term
    private var slots: Deque<Slot> = []
    private var endBefore = 0
    /// The one in force at `compactedIndex`, and those after it.
    private var configurations: [PlacedConfiguration]
    /// The slice made last: the disk and every follower that keeps up are given the same one.
    private var recent: [Entry] = []

    /// An empty log after `snapshot`; nil: from the beginning, with nobody as member.
    init(after snapshot: SnapshotMetadata?) {
        compactedIndex = snapshot?.index ?? .zero
        compactedTerm = snapshot?.term ?? .zero
        configurations = [
            PlacedConfiguration(
                index: compactedIndex, configuration: snapshot?.configuration ?? Configuration(voters: []))
        ]
    }

    var firstIndex: LogIndex { compactedIndex.next }
    var lastIndex: LogIndex { compactedIndex + slots.count }
    var lastTerm: Term { slots.last?.entry.term ?? compactedTerm }
    var bytes: Int { (slots.last?.end ?? endBefore) - endBefore }

    /// The last configuration of the log: the one in force.
    var configuration: Configuration { configurations[configurations.count - 1].configuration }
    /// Its place; the compacted one when it is older.
    var configurationIndex: LogIndex { configurations[configurations.count - 1].index }

    /// The configuration in force at `index`, which is not before `compactedIndex`.
    func configuration(at index: LogIndex) -> Configuration {
        (configurations.last { $0.index <= index } ?? configurations[0]).configuration
    }

    /// Nil for what is compacted, or not there yet.
    func term(at index: LogIndex) -> Term? {
        if index == compactedIndex { return compactedTerm }
        guard index > compactedIndex, index <= lastIndex else { return nil }
        return slots[offset(of: index)].entry.term
    }

    /// The last place up to `index` whose term is at most `term`, as far as this log knows: where a log that has `term` at
    /// `index` can agree with this one at the latest. Terms ascend, so it is a binary search.
    func lastPlace(upTo index: LogIndex, notAfter term: Term) -> LogIndex {
        let index = min(index, lastIndex)
        guard index > compactedIndex else { return index }
        var low = 0
        var high = offset(of: index) + 1
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].entry.term <= term { low = middle + 1 } else { high = middle }
        }
        return compactedIndex + low
    }

    /// The bytes of the entries after `start` up to `end`, as far as they are here.
    func bytes(after start: LogIndex, through end: LogIndex) -> Int {
        let start = max(start, compactedIndex)
        let end = min(end, lastIndex)
        return end > start ? bytesThrough(end) - bytesThrough(start) : 0
    }

    /// The last of the entries from `first` on that together are within `bytes`; at least `first`, which is here.
    func last(from first: LogIndex, through limit: LogIndex, upTo bytes: Int) -> LogIndex {
        let limit = min(limit, lastIndex)
        let ceiling = bytesThrough(first.previous).addingReportingOverflow(bytes)
        if ceiling.overflow || bytesThrough(limit) <= ceiling.partialValue { return limit }
        var low = offset(of: first)
        var high = offset(of: limit)
        while low < high {
            let middle = (low + high + 1) / 2
            if slots[middle].end <= ceiling.partialValue { low = middle } else { high = middle - 1 }
        }
        return firstIndex + low
    }

    /// The first place after which there are at most `bytes` of entries.
    func place(before bytes: Int) -> LogIndex {
        let floor = (slots.last?.end ?? endBefore) - bytes
        if endBefore >= floor { return compactedIndex }
        var low = 0
        var high = slots.count - 1
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].end >= floor { high = middle } else { low = middle + 1 }
        }
        return firstIndex + low
    }

    /// The entries from `first` through `last`, all of which are here.
    mutating func slice(from first: LogIndex, through last: LogIndex) -> [Entry] {
        guard first <= last else { return [] }
        if recent.first?.index == first, recent.last?.index == last { return recent }
        recent = slots[offset(of: first)...offset(of: last)].map(\.entry)
        return recent
    }

    /// A copy for whoever looks at the log; `slice` is for what is sent and written.
    func copy(from first: LogIndex, through last: LogIndex) -> [Entry] {
        guard first <= last else { return [] }
        return slots[offset(of: first)...offset(of: last)].map(\.entry)
    }

    /// Adds entries that follow the last one.
    mutating func append(_ entries: [Entry]) {
        var end = slots.last?.end ?? endBefore
        for entry in entries {
            end += entry.size
            slots.append(Slot(entry: entry, end: end))
            if case .configuration(let configuration, _) = entry.payload {
                configurations.append(PlacedConfiguration(index: entry.index, configuration: configuration))
            }
        }
        // What a follower is sent in one message it writes in one piece.
        recent = entries
    }

    /// Drops the entries from `index` on, and the configurations in them.
    mutating func truncate(from index: LogIndex) {
        guard index > compactedIndex, index <= lastIndex else { return }
        slots.removeLast(lastIndex - index + 1)
        while configurations.count > 1, configurationIndex >= index { configurations.removeLast() }
        recent = []
    }

    /// Forgets the entries through `index`.
    mutating func compact(through index: LogIndex) {
        guard index > compactedIndex, index <= lastIndex else { return }
        let count = index - compactedIndex
        let last = slots[count - 1]
        slots.removeFirst(count)
        compactedIndex = index
        compactedTerm = last.entry.term
        endBefore = last.end
        while configurations.count > 1, configurations[1].index <= index { configurations.removeFirst() }
        recent = []
    }

    private func offset(of index: LogIndex) -> Int { index - compactedIndex - 1 }

    private func bytesThrough(_ index: LogIndex) -> Int {
        index <= compactedIndex ? endBefore : slots[offset(of: index)].end
    }
}
