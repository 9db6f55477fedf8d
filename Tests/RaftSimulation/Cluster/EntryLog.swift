import ApusRaft

/// A log as the checks see it: what a node wrote, or what its disk has.
struct EntryLog {
    /// The place before the first entry, and the term of the entry there.
    private(set) var base: LogIndex
    private(set) var baseTerm: Term
    private(set) var entries: [Entry] = []

    init(base: LogIndex = .zero, baseTerm: Term = .zero) {
        self.base = base
        self.baseTerm = baseTerm
    }

    var lastIndex: LogIndex { entries.last?.index ?? base }
    var lastTerm: Term { entries.last?.term ?? baseTerm }

    /// Nil beyond the end, and before the base.
    func term(at index: LogIndex) -> Term? {
        if index == base { return baseTerm }
        return entry(at: index)?.term
    }

    func entry(at index: LogIndex) -> Entry? {
        guard index > base, index <= lastIndex else { return nil }
        return entries[index - base - 1]
    }

    func entries(after index: LogIndex) -> [Entry] {
        index >= lastIndex ? [] : Array(entries[max(0, index - base)...])
    }

    /// False when there would be a hole.
    mutating func append(_ entry: Entry) -> Bool {
        guard entry.index > base, entry.index <= lastIndex.next else { return false }
        if entry.index <= lastIndex { entries.removeSubrange((entry.index - base - 1)...) }
        entries.append(entry)
        return true
    }

    mutating func removeLast() {
        entries.removeLast()
    }

    /// Forgets what a snapshot has.
    mutating func dropThrough(_ index: LogIndex) {
        guard index > base, let term = term(at: index) else { return }
        entries.removeFirst(index - base)
        base = index
        baseTerm = term
    }
}
