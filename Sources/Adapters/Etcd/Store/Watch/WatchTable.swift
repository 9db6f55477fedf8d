import ApusCoordination
import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import DequeModule
import SwiftProtobuf

/// The watches of one store, carried by one stream after another. Pure: what a stream says goes in, what is to be sent on
/// it and who is to be woken comes out.
///
/// Every time a watch is requested it gets a number of its own, so that answers to an earlier request are nobody's.
struct WatchTable {
    typealias ID = UInt64

    enum Phase: Equatable {
        /// To be requested on this stream or the next. To `requested`, or `over` when that takes too long.
        case queued(since: MonotonicTime)
        /// To `open`; to `queued` when the stream is lost; to `over` when the server refuses.
        case requested(Int64, since: MonotonicTime)
        /// To `parked` when its consumer is behind; to `queued` when the stream is lost; to `over` when the server ends it.
        case open(Int64)
        /// Cancelled at the server. To `queued` when its consumer has caught up.
        case parked
        /// Ends for the consumer when it has taken what was before.
        case over
    }

    struct Entry {
        let request: WatchRequest
        var phase: Phase
        /// The first revision still to come; `.zero` until the server has said where "now" is.
        var next: Revision
        /// Whole revisions for the consumer.
        var ready = Deque<WatchBatch>()
        var readyEvents = 0
        var readyBytes = 0
        /// Of a revision whose end has not come yet.
        var partial: [Event] = []
        var failure: CoordinationError?
        /// The server has shown it once.
        var hasBeenOpen = false
        var wasDenied = false
    }

    /// Who is to be told.
    enum Effect: Equatable {
        case opened(ID)
        /// There is something to take.
        case ready(ID)
        /// The server does not know our user, or it may not watch that: a new token, and a new stream, will tell.
        case denied
        /// The server is behind what the watch has seen: it lags, or lost its data.
        case behind(Revision)
    }

    /// Bounds of what is kept for a consumer that does not take; one response more may come.
    let mostEvents: Int
    let mostBytes: Int
    private(set) var entries: [ID: Entry] = [:]
    private var byNumber: [Int64: ID] = [:]
    /// In the order in which they were asked for, which is that of the answers.
    private var requested = Deque<ID>()
    private var toCreate = Deque<ID>()
    private var toCancel = Deque<Int64>()
    private var lastID: ID = 0
    private var lastNumber: Int64 = 0
    private(set) var hasStream = false

    init(mostEvents: Int = 2_048, mostBytes: Int = 1 << 20) {
        self.mostEvents = mostEvents
        self.mostBytes = mostBytes
    }

    var isEmpty: Bool { entries.isEmpty }

    // MARK: Consumers

    mutating func add(_ request: WatchRequest, at now: MonotonicTime) -> ID {
        lastID += 1
        entries[lastID] = Entry(request: request, phase: .queued(since: now), next: request.start)
        toCreate.append(lastID)
        return lastID
    }

    mutating func remove(_ id: ID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        release(entry.phase, id)
    }

    enum Taken {
        case batch(WatchBatch)
        case nothing
        case over(CoordinationError?)
    }

    mutating func take(_ id: ID, at now: MonotonicTime) -> Taken {
        guard var entry = entries[id] else { return .over(nil) }
        guard let batch = entry.ready.popFirst() else {
            return entry.phase == .over ? .over(entry.failure) : .nothing
        }
        entry.readyEvents -= batch.events.count
        entry.readyBytes -= batch.weight
        if entry.phase == .parked, entry.ready.isEmpty {
            entry.phase = .queued(since: now)
            toCreate.append(id)
        }
        entries[id] = entry
        return .batch(batch)
    }

    // MARK: Streams

    mutating func streamOpened() {
        hasStream = true
    }

    /// All that the stream carried is to be asked for again.
    mutating func streamLost(at now: MonotonicTime) {
        hasStream = false
        byNumber = [:]
        requested = []
        toCancel = []
        toCreate = []
        for id in entries.keys.sorted() {
            switch entries[id]!.phase {
            case .open: entries[id]!.phase = .queued(since: now)
            case .requested(_, let since): entries[id]!.phase = .queued(since: since)
            case .queued: break
            case .parked, .over: continue
            }
            entries[id]!.partial = []
            toCreate.append(id)
        }
    }

    /// What is to be sent on the stream next; nil for nothing.
    mutating func nextRequest(at now: MonotonicTime) -> EtcdWatchRequest? {
        guard hasStream else { return nil }
        if let number = toCancel.popFirst() { return .with { $0.cancelRequest = .with { $0.watchID = number } } }
        while let id = toCreate.popFirst() {
            guard var entry = entries[id], case .queued(let since) = entry.phase else { continue }
            lastNumber += 1
            entry.phase = .requested(lastNumber, since: since)
            byNumber[lastNumber] = id
            requested.append(id)
            var create = EtcdWatchCreateRequest(entry.request)
            create.startRevision = entry.next.rawValue
            create.watchID = lastNumber
            create.progressNotify = true
            create.fragment = true
            entries[id] = entry
            return .with { $0.createRequest = create }
        }
        return nil
    }

    /// Ends the watches that no stream has served since before `limit`.
    mutating func giveUp(waitingSince limit: MonotonicTime, _ failure: CoordinationError) -> [Effect] {
        entries.keys.sorted().compactMap { id in
            switch entries[id]!.phase {
            case .queued(let since) where since <= limit, .requested(_, let since) where since <= limit:
                end(id, failure)
                return .ready(id)
            default: return nil
            }
        }
    }

    mutating func endAll(_ failure: CoordinationError) -> [Effect] {
        entries.keys.sorted().map { id in
            end(id, failure)
            return .ready(id)
        }
    }

    // MARK: Responses

    mutating func received(_ response: EtcdWatchResponse, at now: MonotonicTime) -> [Effect] {
        if response.created { return created(response, at: now) }
        guard let id = byNumber[response.watchID] else { return [] }
        if response.canceled { return cancelled(id, response, at: now) }
        guard !response.events.isEmpty || !entries[id]!.partial.isEmpty else {
            // Progress: nothing happened up to here.
            entries[id]!.next = max(entries[id]!.next, Revision(response.header.revision).next)
            return []
        }
        return entries[id]!.add(response) ? parkIfFull(id) : []
    }

    private mutating func created(_ response: EtcdWatchResponse, at now: MonotonicTime) -> [Effect] {
        // A refused one may have no number; it is the first that has no answer.
        guard let id = byNumber[response.watchID] ?? (response.canceled ? requested.first : nil) else { return [] }
        if let place = requested.firstIndex(of: id) { requested.remove(at: place) }
        if response.canceled { return cancelled(id, response, at: now) }
        guard var entry = entries[id], case .requested(let number, _) = entry.phase else { return [] }
        let revision = Revision(response.header.revision)
        let isBehind = entry.hasBeenOpen && revision.next < entry.next
        if entry.next == .zero { entry.next = revision.next }
        entry.phase = .open(number)
        entry.hasBeenOpen = true
        entry.wasDenied = false
        entries[id] = entry
        return [.opened(id)] + (isBehind ? [.behind(Revision(entry.next.rawValue - 1))] : [])
    }

    private mutating func cancelled(_ id: ID, _ response: EtcdWatchResponse, at now: MonotonicTime) -> [Effect] {
        let reason = response.cancelReason
        if response.compactRevision > 0 {
            end(id, .compacted(Revision(response.compactRevision)))
        } else if reason == EtcdError.compacted.message {
            end(id, CoordinationError(.compacted, "the history that the watch needs is no longer kept"))
        } else if EtcdError.aboutTheUser.contains(where: { reason.contains($0.message) }) {
            guard let entry = entries[id], !entry.wasDenied else {
                end(id, CoordinationError(.permissionDenied, reason))
                return [.ready(id)]
            }
            release(entry.phase, id)
            entries[id]!.wasDenied = true
            entries[id]!.phase = .queued(since: now)
            return [.denied]
        } else {
            let why = reason.isEmpty ? "the server ended the watch" : reason
            end(id, CoordinationError(.invalidRequest, why))
        }
        return [.ready(id)]
    }

    private mutating func parkIfFull(_ id: ID) -> [Effect] {
        let entry = entries[id]!
        if entry.readyEvents >= mostEvents || entry.readyBytes >= mostBytes {
            release(entry.phase, id)
            entries[id]!.phase = .parked
            entries[id]!.partial = []
        }
        return [.ready(id)]
    }

    private mutating func end(_ id: ID, _ failure: CoordinationError) {
        guard let entry = entries[id], entry.phase != .over else { return }
        release(entry.phase, id)
        entries[id]!.phase = .over
        entries[id]!.failure = failure
    }

    /// Lets go of what the server has of a watch.
    private mutating func release(_ phase: Phase, _ id: ID) {
        switch phase {
        case .requested(let number, _), .open(let number):
            byNumber[number] = nil
            if let place = requested.firstIndex(of: id) { requested.remove(at: place) }
            toCancel.append(number)
        case .queued, .parked, .over: break
        }
    }
}

extension WatchTable.Entry {
    /// Takes the events of a response.
    ///
    /// - Returns: whether there is more for the consumer.
    fileprivate mutating func add(_ response: EtcdWatchResponse) -> Bool {
        for event in response.events where event.kv.modRevision >= next.rawValue { partial.append(Event(event)) }
        var whole = partial.count
        if response.fragment, let last = partial.last?.revision {
            // The rest of the last revision may be in the next fragment.
            whole = partial.firstIndex { $0.revision == last }!
        }
        guard whole > 0 else { return false }
        let batch = WatchBatch(revision: partial[whole - 1].revision, events: Array(partial[..<whole]))
        partial.removeFirst(whole)
        next = batch.revision.next
        ready.append(batch)
        readyEvents += batch.events.count
        readyBytes += batch.weight
        return true
    }
}

extension WatchBatch {
    /// About the bytes that it takes.
    fileprivate var weight: Int {
        events.reduce(0) { sum, event in
            let previous = event.previous.map { $0.key.count + $0.value.count } ?? 0
            return sum + event.kv.key.count + event.kv.value.count + previous + 64
        }
    }
}

extension EtcdError {
    /// What a watch is refused with when the token is not, or no longer, one that may watch.
    fileprivate static let aboutTheUser: [EtcdError] = [
        .permissionDenied, .invalidAuthToken, .oldAuthRevision, .userEmpty,
    ]
}
