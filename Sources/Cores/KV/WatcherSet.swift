import ApusPrimitives

public struct WatcherID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The watchers of one store, as a value: who wants which change, and how far each has got.
///
/// After every change of the store call `advance(to:)`, then let those it returns `take`. A watcher that takes too
/// slowly keeps a bounded backlog; what does not fit it reads again from the store's history, and if that has been
/// compacted by then it is told so. No event is ever skipped in silence.
public struct WatcherSet: Sendable {
    /// How many events may wait for one watcher, but a revision of more events is never split.
    public let backlogLimit: Int

    private struct Watcher {
        let request: WatchRequest
        /// Everything before this revision has been taken or is in the backlog.
        var next: Revision
        var backlog: [Event] = []
        /// What comes after the backlog must be read from history.
        var isLagging: Bool
    }

    private var watchers: [WatcherID: Watcher] = [:]
    private var order: [WatcherID] = []
    private var lastID: Int64 = 0
    /// The revision that has been handed out.
    private var published: Revision

    /// - Parameter revision: of the store that the set watches.
    public init(at revision: Revision, backlogLimit: Int = 1_000) {
        published = revision
        self.backlogLimit = max(1, backlogLimit)
    }

    public var count: Int { watchers.count }

    /// Registers a watcher, which takes from then on.
    /// - Throws: `emptyRange`; `compacted` when the start has been compacted.
    public mutating func add(_ request: WatchRequest, to store: KVStore) throws(KVError) -> WatcherID {
        let range = request.range
        if range.start.isEmpty || range.isEmpty { throw .emptyRange }
        let start = request.start == .zero ? store.revision.next : request.start
        guard start >= store.compactedRevision, start > .zero else { throw .compacted(store.compactedRevision) }
        lastID += 1
        let id = WatcherID(rawValue: lastID)
        watchers[id] = Watcher(request: request, next: start, isLagging: start <= published)
        order.append(id)
        return id
    }

    public mutating func remove(_ id: WatcherID) {
        guard watchers.removeValue(forKey: id) != nil else { return }
        order.removeAll { $0 == id }
    }

    /// Hands out what changed since the last call. Returns the watchers that were idle and now have something to take.
    public mutating func advance(to store: KVStore) -> [WatcherID] {
        guard store.revision > published else { return [] }
        published = store.revision
        var woken: [WatcherID] = []
        for id in order {
            guard var watcher = watchers[id], !watcher.isLagging, watcher.next <= published else { continue }
            watcher.isLagging = true
            watchers[id] = watcher
            woken.append(id)
        }
        return woken
    }

    /// The next events for a watcher.
    /// - Parameter limit: about how many; a revision is never split.
    public mutating func take(_ id: WatcherID, from store: KVStore, limit: Int = 1_000) -> WatchOutput {
        guard var watcher = watchers[id] else { return .unknown }
        guard watcher.isLagging else { return .idle }
        do throws(KVError) {
            let (events, next) = try store.events(
                in: watcher.request.range, from: watcher.next, limit: limit, previous: watcher.request.previous)
            watcher.next = next
            watcher.isLagging = next <= published
            watchers[id] = watcher
            let wanted = events.filter(watcher.request.wants)
            if wanted.isEmpty { return watcher.isLagging ? .behind : .idle }
            return .events(WatchBatch(revision: Revision(next.rawValue - 1), events: wanted))
        } catch {
            remove(id)
            return .compacted(store.compactedRevision)
        }
    }
}
