/// What a watcher wants to see.
public struct WatchRequest: Hashable, Sendable {
    public var range: KeyRange
    /// The first revision to see, which may lie in the past or in the future; `.zero` for what comes from now on.
    public var start: Revision
    /// Leave out puts.
    public var noPut: Bool
    /// Leave out deletions.
    public var noDelete: Bool
    /// Fill in each event's `previous`.
    public var previous: Bool

    public init(
        _ range: KeyRange, start: Revision = .zero, noPut: Bool = false, noDelete: Bool = false, previous: Bool = false
    ) {
        self.range = range
        self.start = start
        self.noPut = noPut
        self.noDelete = noDelete
        self.previous = previous
    }

    func wants(_ event: Event) -> Bool {
        switch event.kind {
        case .put: !noPut
        case .delete: !noDelete
        }
    }
}

/// What a watcher gets.
public enum WatchOutput: Hashable, Sendable {
    /// Events of one or more whole revisions, in order; everything up to and with `revision` has now been seen.
    case events(WatchBatch)
    /// Part of the history held nothing for the watcher; ask again for the rest.
    case behind
    /// Nothing now; the watcher will be among those that `advance` returns.
    case idle
    /// The history that the watcher still needed has been compacted. The watcher is gone; a new one can start at the
    /// compact revision, after reading the range anew.
    case compacted(Revision)
    /// There is no such watcher (any more).
    case unknown
}

public struct WatchBatch: Hashable, Sendable {
    public var revision: Revision
    public var events: [Event]

    public init(revision: Revision, events: [Event]) {
        self.revision = revision
        self.events = events
    }
}
