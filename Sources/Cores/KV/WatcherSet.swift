import ApusPrimitives
import DequeModule

public struct WatcherID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Small, and no other watcher of the set has it at the same time: an index for what one keeps of each watcher.
    public var slot: Int { Int(rawValue & 0xFFFF_FFFF) }

    /// Of the watcher that has the slot after this one.
    fileprivate var successor: WatcherID { WatcherID(rawValue: rawValue &+ 1 << 32) }
}

/// The watchers of one store, as a value: who wants which change, and how far each has got.
///
/// After the store has changed call `advance(to:)`; then each watcher it returns has something to `take` until the
/// answer is `idle`. (A server with one thread for all calls `serve` instead, which takes turns.) A watcher that takes
/// too slowly keeps a bounded backlog; what does not fit it reads again from the store's history, and if that has been
/// compacted by then it is told so. No event is ever skipped in silence.
public struct WatcherSet: Sendable {
    /// How many events may wait for one watcher.
    public let backlogLimit: Int
    /// Of their keys and values, about how many bytes; from a full backlog on a watcher reads the history.
    public let backlogBytes: Int
    /// How many changes one `take` from the history, or one `advance`, looks at; a revision is never split, though.
    public let scanLimit: Int

    private struct Slot {
        /// Of the watcher in it, or of the next one.
        var id: WatcherID
        var watcher: Watcher?
    }

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var index = IntervalIndex()
    /// Each watcher with something to take, once; a few that no longer have anything, or are gone.
    private var turns: Deque<WatcherID> = []
    /// How many in `turns` are gone.
    private var goneTurns = 0
    private var wantingPrevious = 0
    /// Every watcher that is not lagging has taken all up to here, or has it in its backlog.
    private var published: Revision

    /// - Parameter revision: of the store that the set watches.
    public init(at revision: Revision, backlogLimit: Int = 1_000, backlogBytes: Int = 4 << 20, scanLimit: Int = 10_000)
    {
        published = revision
        self.backlogLimit = max(1, backlogLimit)
        self.backlogBytes = max(1, backlogBytes)
        self.scanLimit = max(1, scanLimit)
    }

    public var count: Int { slots.count - freeSlots.count }

    private subscript(_ id: WatcherID) -> Watcher? {
        _read {
            if isThere(id) { yield slots[id.slot].watcher } else { yield nil }
        }
        _modify {
            if isThere(id) {
                yield &slots[id.slot].watcher
            } else {
                var none: Watcher?
                yield &none
            }
        }
    }

    private func isThere(_ id: WatcherID) -> Bool {
        id.slot < slots.count && slots[id.slot].id == id
    }

    /// Registers a watcher. One that starts in the past has something to take at once.
    /// - Throws: `emptyRange`; `compacted` when the start has been compacted (or is negative, as in etcd).
    public mutating func add(_ request: WatchRequest, to store: KVStore) throws(KVError) -> WatcherID {
        if request.range.start.isEmpty || request.range.isEmpty { throw .emptyRange }
        let start = request.start == .zero ? store.revision.next : request.start
        guard start > .zero, start >= store.compactedRevision else { throw .compacted(store.compactedRevision) }
        let watcher = Watcher(request: request, next: start, isLagging: start <= published)
        let id: WatcherID
        if let slot = freeSlots.popLast() {
            id = slots[slot].id
            slots[slot].watcher = watcher
        } else {
            id = WatcherID(rawValue: Int64(slots.count))
            slots.append(Slot(id: id, watcher: watcher))
        }
        index.insert(request.range, id: id.rawValue)
        if request.previous { wantingPrevious += 1 }
        if start <= published { giveTurn(to: id) }
        return id
    }

    public mutating func remove(_ id: WatcherID) {
        guard let watcher = self[id] else { return }
        slots[id.slot] = Slot(id: id.successor, watcher: nil)
        freeSlots.append(id.slot)
        index.remove(watcher.request.range, id: id.rawValue)
        if watcher.request.previous { wantingPrevious -= 1 }
        if watcher.hasTurn { forgetTurn() }
    }

    /// The revision up to which a watcher has taken everything there was for it; nil while it has something to take,
    /// and for an unknown one. What etcd sends as progress.
    public func progress(of id: WatcherID) -> Revision? {
        guard let watcher = self[id], !watcher.hasWork else { return nil }
        return published
    }
}

extension WatcherSet {
    /// Hands out what changed since the last call. Returns the watchers that had nothing to take and now have.
    public mutating func advance(to store: KVStore) -> [WatcherID] {
        guard store.revision > published else { return [] }
        let from = published.next
        published = store.revision
        var woken: [WatcherID] = []
        guard count > 0 else { return woken }
        do throws(KVError) {
            let (events, next) = try store.events(
                in: .all, from: from, limit: scanLimit, previous: wantingPrevious > 0)
            for event in events { handOut(event, waking: &woken) }
            if next <= published { fallBehind(at: next, waking: &woken) }
        } catch {
            fallBehind(at: from, waking: &woken)
        }
        return woken
    }

    private mutating func handOut(_ event: Event, waking woken: inout [WatcherID]) {
        var concerned: [WatcherID] = []
        index.forEach(containing: event.kv.key) { concerned.append(WatcherID(rawValue: $0)) }
        let (limit, limitBytes) = (backlogLimit, backlogBytes)
        for id in concerned where self[id]?.offer(event, limit: limit, limitBytes: limitBytes) == true {
            woken.append(id)
            giveTurn(to: id)
        }
    }

    /// The history is too long, or gone: everyone reads it for themselves.
    private mutating func fallBehind(at revision: Revision, waking woken: inout [WatcherID]) {
        for slot in slots.indices where slots[slot].watcher?.fallBehind(at: revision, published) == true {
            woken.append(slots[slot].id)
            giveTurn(to: slots[slot].id)
        }
    }

    private mutating func giveTurn(to id: WatcherID) {
        guard self[id]?.hasTurn == false else { return }
        self[id]?.hasTurn = true
        turns.append(id)
    }

    /// The next events for a watcher.
    /// - Parameter limit: about how many; a revision is never split.
    public mutating func take(_ id: WatcherID, from store: KVStore, limit: Int = 1_000) -> WatchOutput {
        let (scanLimit, published, limitBytes) = (scanLimit, published, backlogBytes)
        do throws(KVError) {
            return try self[id]?.take(
                limit: max(1, limit), limitBytes: limitBytes, scanLimit, from: store, published) ?? .unknown
        } catch {
            remove(id)
            return .compacted(store.compactedRevision)
        }
    }

    /// Takes for the watcher whose turn it is; nil when no watcher has anything to take.
    ///
    /// A watcher that then has more goes to the end of the queue, so none waits for more than one turn of the others.
    public mutating func serve(from store: KVStore, limit: Int = 1_000) -> (id: WatcherID, output: WatchOutput)? {
        while let id = nextTurn() {
            let output = take(id, from: store, limit: limit)
            returnTurn(id)
            if output != .idle { return (id, output) }
        }
        return nil
    }

    /// The watcher whose turn it is; nil when none has anything to take.
    ///
    /// For who cannot serve just any: it has no other turn, not for new events either, until it has taken all there is for it or
    /// its turn is given back.
    public mutating func nextTurn() -> WatcherID? {
        while let id = turns.popFirst() {
            guard isThere(id) else {
                goneTurns -= 1
                continue
            }
            self[id]?.hasTurn = false
            if self[id]?.hasWork == true { return id }
        }
        return nil
    }

    /// Puts a watcher at the end of the queue, if it has something to take.
    public mutating func returnTurn(_ id: WatcherID) {
        if self[id]?.hasWork == true { giveTurn(to: id) }
    }

    /// Those who are gone are taken out of the queue when they are as many as those who are there.
    private mutating func forgetTurn() {
        goneTurns += 1
        guard goneTurns > count + 64 else { return }
        turns = turns.filter { isThere($0) }
        goneTurns = 0
    }
}
