import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import DequeModule
import NIOCore

/// Serves all watches of a member, on the node's event loop: after each batch of applied commands it hands out what changed,
/// in turns, and encodes an event once for all who want it.
///
/// A caller that does not take what waits for it (`streamBytes`) gets no turn until it does; what it then needs is read from
/// the store's history, and when that was compacted meanwhile the caller is told so. Nothing is skipped in silence.
// Safe: everything but `post` and what it hands over happens on the event loop.
final class WatchHub: @unchecked Sendable {
    /// Bytes of responses that may wait for one stream's task, when there are few streams; the least when there are many.
    static let streamBytes = 1 << 20
    private static let leastStreamBytes = 16 << 10
    /// … and about for all of them together.
    private static let allStreamsBytes = 128 << 20
    /// Watches at once; more are refused.
    static let maximumWatches = 1 << 20
    /// Answers to requests for progress that may wait on one stream; those beyond share one.
    private static let maximumOwedProgress = 1_024
    /// About how many events one watcher gets in one turn.
    private static let eventsPerTurn = 1_000
    /// How long watchers are served before others on the event loop have their turn.
    private static let slice = TimeAmount.milliseconds(2)
    /// Values in one response, about; a revision with more is sent whole.
    private static let responseBytes = 256 << 10

    let eventLoop: any EventLoop
    private let identity: ClusterIdentity
    private let fragmentBytes: Int
    private let progressInterval: Duration
    /// Set once, before the node runs.
    weak var node: ReplicatedNode<ControlMachine>?

    private var set = WatcherSet(at: Revision(1))
    /// By slot of their watchers.
    private var watches: [(watcher: WatcherID, stream: WatchStream, watch: WatchStream.Watch)?] = []
    private var streams: [ObjectIdentifier: WatchStream] = [:]
    private var askers: [WatchStream] = []
    /// Those that have responses to deliver.
    private var unsentStreams: [WatchStream] = []
    private var encoder = WatchEncoder()
    private var isScheduled = false
    private var term: UInt64 = 0
    private var end: EtcdError?

    init(eventLoop: any EventLoop, identity: ClusterIdentity, settings: ControlPlaneSettings) {
        self.eventLoop = eventLoop
        self.identity = identity
        fragmentBytes = settings.maxRequestBytes + 512 << 10
        progressInterval = max(settings.watchProgressInterval, .milliseconds(100))
    }

    /// A stream's part of what may wait for all.
    private var shareBytes: Int {
        max(Self.leastStreamBytes, min(Self.streamBytes, Self.allStreamsBytes / max(1, streams.count)))
    }

    var watchCount: Int { self.set.count }
    var streamCount: Int { streams.count }

    private func header(_ revision: Revision) -> WireHeader {
        WireHeader(
            clusterID: identity.clusterID, memberID: identity.memberID, revision: revision.rawValue, term: term)
    }

    // MARK: What the node tells

    func standingChanged(_ standing: Standing) { term = standing.term.rawValue }

    /// The store has changed.
    func applied(_ store: KVStore) {
        defer { deliver() }
        _ = set.advance(to: store)
        serve(store)
    }

    // MARK: Streams

    func open(_ stream: WatchStream) {
        if let end { return stream.sink.end(end) }
        streams[ObjectIdentifier(stream)] = stream
        stream.progressAt = nextProgress()
    }

    func close(_ stream: WatchStream) {
        stream.isOpen = false
        streams[ObjectIdentifier(stream)] = nil
        for watch in stream.watches.values {
            if let watcher = watch.watcher { forget(watcher) }
        }
        stream.watches = [:]
        stream.unsent = []
        stream.parked = []
        askers.removeAll { $0 === stream }
        stream.sink.end(nil)
    }

    /// Ends every stream, and every one that comes.
    func stop(_ error: EtcdError) {
        end = error
        deliver()
        for stream in streams.values { stream.sink.end(error) }
    }

    private func forget(_ watcher: WatcherID) {
        set.remove(watcher)
        watches[watcher.slot] = nil
    }

    private func remember(_ watcher: WatcherID, _ stream: WatchStream, _ watch: WatchStream.Watch) {
        while watches.count <= watcher.slot { watches.append(nil) }
        watches[watcher.slot] = (watcher, stream, watch)
    }

    // MARK: Requests

    /// - Parameter refusal: why the caller may not watch that.
    func create(
        _ request: EtcdWatchCreateRequest, on stream: WatchStream, _ store: KVStore, refusal: EtcdError?
    ) {
        guard stream.isOpen else { return }
        defer { deliver() }
        _ = set.advance(to: store)
        var watch = WatchRequest(request)
        if let refusal {
            // As etcd with the ID that was asked for, 0 for any; but a watch that has it lives on, and must not seem to end.
            let id = stream.watches[request.watchID]?.watcher == nil ? request.watchID : -1
            return refuse(stream, store, refusal.goDescription, watch: id)
        }
        if watch.range.isEmpty { return refuse(stream, store, "mvcc: watcher range is empty") }
        if request.watchID != 0, stream.watches[request.watchID] != nil {
            return refuse(stream, store, "mvcc: duplicate watch ID provided on the WatchStream")
        }
        guard set.count < Self.maximumWatches else {
            return refuse(stream, store, EtcdError.tooManyRequests.message)
        }
        let id = request.watchID == 0 ? stream.chooseID() : request.watchID
        let entry = WatchStream.Watch(
            id: id, start: watch.start, wantsProgress: request.progressNotify, wantsFragments: request.fragment,
            watcher: nil)
        stream.watches[id] = entry
        control(stream, .init(revision: store.revision, watch: id, created: true))
        // As in etcd a negative start is one as any other: the beginning, or compacted.
        if watch.start < .zero, store.compactedRevision == .zero { watch.start = Revision(1) }
        do throws(KVError) {
            let watcher = try set.add(watch, to: store)
            entry.watcher = watcher
            remember(watcher, stream, entry)
            serve(store)
        } catch {
            compacted(stream, entry, store.compactedRevision)
        }
    }

    private func refuse(_ stream: WatchStream, _ store: KVStore, _ reason: String, watch id: Int64 = -1) {
        if case .local(let outbox) = stream.sink { outbox.end(EtcdError(.unavailable, reason)) }
        control(
            stream, .init(revision: store.revision, watch: id, created: true, canceled: true, reason: reason))
    }

    func cancel(_ id: Int64, on stream: WatchStream, _ store: KVStore) {
        guard let watch = stream.watches.removeValue(forKey: id) else { return }
        defer { deliver() }
        if let watcher = watch.watcher { forget(watcher) }
        stream.unsent.removeAll { $0.watch === watch }
        control(stream, .init(revision: store.revision, watch: id, canceled: true))
    }

    func requestProgress(_ stream: WatchStream, _ store: KVStore) {
        guard stream.isOpen else { return }
        defer { deliver() }
        _ = set.advance(to: store)
        if stream.owedProgress == 0 { askers.append(stream) }
        stream.owedProgress = min(stream.owedProgress + 1, Self.maximumOwedProgress)
        serve(store)
        answerAskers(store)
    }

    // MARK: Serving

    private func serve(_ store: KVStore) {
        let end = NIODeadline.now() + Self.slice
        var served = 0
        while let watcher = set.nextTurn() {
            guard let (known, stream, watch) = watches[watcher.slot], known == watcher else { continue }
            guard stream.unsent.isEmpty, stream.hasRoom(shareBytes) else {
                stream.parked.append(watcher)
                continue
            }
            switch set.take(watcher, from: store, limit: Self.eventsPerTurn) {
            case .events(let batch):
                // What most get most of the time, without detours.
                if batch.events.count == 1, case .wire = stream.sink {
                    watch.isProgressDue = false
                    send(encoder.response(batch.events[0], of: watch.id, header(batch.revision)), on: stream)
                } else {
                    pack(batch, watch, stream)
                    flush(stream)
                }
            case .compacted(let revision):
                watches[watcher.slot] = nil
                watch.watcher = nil
                compacted(stream, watch, revision)
            case .behind, .idle, .unknown: break
            }
            set.returnTurn(watcher)
            served += 1
            if served % 32 == 0, NIODeadline.now() >= end {
                serveLater()
                break
            }
        }
        encoder.forget()
        if !askers.isEmpty { answerAskers(store) }
    }

    private func serveLater() {
        guard !isScheduled, let node else { return }
        isScheduled = true
        node.readLocally { [self] machine in
            // Refused: on any thread, because of too many requests; or the node has ended.
            guard case .success(let machine) = machine else {
                eventLoop.scheduleTask(in: .milliseconds(10)) { [self] in
                    isScheduled = false
                    if end == nil { serveLater() }
                }
                return
            }
            isScheduled = false
            applied(machine.store)
        }
    }

    /// Cuts a batch into responses of a bounded size, between revisions.
    private func pack(_ batch: WatchBatch, _ watch: WatchStream.Watch, _ stream: WatchStream) {
        var first = batch.events.startIndex
        var size = 0
        let responseBytes = min(Self.responseBytes, shareBytes)
        for index in batch.events.indices {
            let event = batch.events[index]
            if size >= responseBytes, event.revision != batch.events[index - 1].revision {
                stream.unsent.append(
                    .init(watch: watch, revision: batch.events[index - 1].revision, events: batch.events[first..<index])
                )
                first = index
                size = 0
            }
            size += event.kv.key.count + event.kv.value.count + (event.previous?.value.count ?? 0)
        }
        stream.unsent.append(.init(watch: watch, revision: batch.revision, events: batch.events[first...]))
    }

    /// Sends what has been taken, as far as there is room.
    private func flush(_ stream: WatchStream) {
        while let next = stream.unsent.first, stream.hasRoom(shareBytes) {
            stream.unsent.removeFirst()
            next.watch.isProgressDue = false
            switch stream.sink {
            case .local(let outbox):
                for event in next.events { stream.send(event, to: outbox) }
            case .wire:
                var rest = next.events
                repeat {
                    let response: ByteBuffer
                    (response, rest) = encoder.events(
                        rest, of: next.watch.id, header(next.revision),
                        fragmentBytes: next.watch.wantsFragments ? fragmentBytes : nil)
                    send(response, on: stream)
                } while !rest.isEmpty
            }
        }
    }

    /// The stream's task has taken what waited.
    func hasRoom(_ stream: WatchStream) {
        guard stream.isOpen else { return }
        defer { deliver() }
        flush(stream)
        guard stream.unsent.isEmpty, !stream.parked.isEmpty || stream.owedProgress > 0, stream.hasRoom(shareBytes)
        else {
            return
        }
        for watcher in stream.parked { set.returnTurn(watcher) }
        stream.parked.removeAll(keepingCapacity: true)
        serveLater()
    }

    private func compacted(_ stream: WatchStream, _ watch: WatchStream.Watch, _ revision: Revision) {
        switch stream.sink {
        case .local(let outbox): outbox.end(EtcdError.compacted)
        case .wire:
            control(stream, .init(revision: .zero, watch: watch.id, canceled: true, compactRevision: revision))
        }
    }

    private struct Control {
        var revision: Revision
        var watch: Int64
        var created = false
        var canceled = false
        var compactRevision = Revision.zero
        var reason = ""
    }

    private func control(_ stream: WatchStream, _ control: Control) {
        guard case .wire = stream.sink else { return }
        let response = WatchEncoder.control(
            header(control.revision), watch: control.watch, created: control.created, canceled: control.canceled,
            compactRevision: control.compactRevision, reason: control.reason)
        send(response, on: stream)
    }

    /// With the next `deliver`.
    private func send(_ response: ByteBuffer, on stream: WatchStream) {
        if stream.send(response) { unsentStreams.append(stream) }
    }

    private func deliver() {
        for stream in unsentStreams { stream.deliver() }
        unsentStreams.removeAll(keepingCapacity: true)
    }

    // MARK: Progress

    private func nextProgress() -> NIODeadline {
        // Up to a tenth later by chance, so that watchers that were created together are not all told at once.
        let interval = progressInterval.nanoseconds
        return .now() + .nanoseconds(interval + .random(in: 0...interval / 10))
    }

    /// Whether everything up to `revision` has been sent, or is on its way, for a watch that has begun.
    private func isSynced(_ watch: WatchStream.Watch, on stream: WatchStream, at revision: Revision) -> Bool {
        guard let watcher = watch.watcher else { return true }
        return watch.start <= revision && stream.unsent.isEmpty && set.progress(of: watcher) == revision
    }

    private func answerAskers(_ store: KVStore) {
        askers.removeAll { stream in
            guard stream.watches.values.allSatisfy({ isSynced($0, on: stream, at: store.revision) }) else {
                return false
            }
            for _ in 0..<stream.owedProgress { control(stream, .init(revision: store.revision, watch: -1)) }
            stream.owedProgress = 0
            return true
        }
    }

    /// Tells those who want to know how far they are, if they saw nothing for an interval. To be called several times in one.
    func tellProgress(_ store: KVStore) {
        defer { deliver() }
        _ = set.advance(to: store)
        serve(store)
        let now = NIODeadline.now()
        for stream in streams.values where stream.progressAt <= now {
            stream.progressAt = nextProgress()
            for watch in stream.watches.values.sorted(by: { $0.id < $1.id }) where watch.wantsProgress {
                if watch.isProgressDue, watch.watcher != nil, stream.hasRoom(shareBytes),
                    isSynced(watch, on: stream, at: store.revision)
                {
                    control(stream, .init(revision: store.revision, watch: watch.id))
                }
                watch.isProgressDue = true
            }
        }
    }

    /// How often `tellProgress` is to be called.
    var progressTick: Duration { min(progressInterval / 4, .seconds(5)) }
}
