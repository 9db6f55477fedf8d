import ApusRaft

/// Where a log is: what the next record follows.
struct LogPosition: Equatable {
    var hardState = HardState()
    var lastIndex = LogIndex.zero
    var lastTerm = Term.zero
}

/// What the records of a log add up to.
struct LogState: Equatable {
    private(set) var hardState = HardState()
    /// The entry before the first one that is known.
    private(set) var baseIndex = LogIndex.zero
    private(set) var baseTerm = Term.zero
    private(set) var entries: [Entry] = []

    init() {}

    /// - Parameter position: at the beginning of the first segment that is there.
    init(after position: LogPosition) {
        hardState = position.hardState
        baseIndex = position.lastIndex
        baseTerm = position.lastTerm
    }

    var lastIndex: LogIndex { entries.last?.index ?? baseIndex }
    var lastTerm: Term { entries.last?.term ?? baseTerm }
    var position: LogPosition { LogPosition(hardState: hardState, lastIndex: lastIndex, lastTerm: lastTerm) }

    /// Entries that are missing between the log and what is appended.
    struct Gap: Error, CustomStringConvertible {
        let lastIndex: LogIndex
        let next: LogIndex

        var description: String { "entry \(next) follows entry \(lastIndex)" }
    }

    mutating func apply(_ item: RecordItem) throws(Gap) {
        switch item {
        case .hardState(let state): hardState = state
        case .reset(let index, let term): reset(index: index, term: term)
        case .entries(let new):
            guard let first = new.first?.index else { return }
            guard first <= lastIndex.next else { throw Gap(lastIndex: lastIndex, next: first) }
            if first <= baseIndex {
                // What it replaces is in a segment that is gone, because a snapshot covers it.
                baseIndex = first.previous
                baseTerm = .zero
                entries = []
            } else {
                entries.removeLast(entries.count - (first - baseIndex.next))
            }
            entries += new
        }
    }

    mutating func reset(index: LogIndex, term: Term) {
        baseIndex = index
        baseTerm = term
        entries = []
    }

    /// The log with a snapshot before it.
    ///
    /// - Returns: whether the log did not fit, and now begins after the snapshot: then this has to be recorded before
    ///   anything is appended.
    /// - Throws: `Gap`, when entries are missing between the two.
    mutating func begin(after snapshot: SnapshotMetadata?) throws(Gap) -> Bool {
        let index = snapshot?.index ?? .zero
        let term = snapshot?.term ?? .zero
        guard baseIndex <= index else { throw Gap(lastIndex: index, next: baseIndex.next) }
        if index == baseIndex {
            baseTerm = term
            return false
        }
        // The snapshot came from the leader, and the crash was before the log could say so (Raft, figure 13, steps 6 and 7).
        guard index <= lastIndex, entries[index - baseIndex - 1].term == term else {
            reset(index: index, term: term)
            return true
        }
        entries.removeFirst(index - baseIndex)
        baseIndex = index
        baseTerm = term
        return false
    }
}
