import ApusKV
import ApusPrimitives
import Testing

/// Every watcher sees exactly the history filtered by its request, in order and in whole revisions, or is told the
/// compact revision.
@Suite struct WatcherSetModelTests {
    /// What a watcher should have seen so far, kept apart from the set.
    private struct Model {
        let request: WatchRequest
        let start: Revision
        var seen: [Event] = []
        var upTo: Revision
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func everyWatcherSeesItsHistoryOrIsTold(seed: UInt64) throws {
        var trace = RandomTrace(seed: seed)
        var store = KVStore()
        var set = WatcherSet(at: store.revision, backlogLimit: 4, scanLimit: 25)
        var history: [Event] = []
        var models: [WatcherID: Model] = [:]
        var cancelled = 0
        var finished = 0

        func record(_ id: WatcherID, _ output: WatchOutput) {
            switch output {
            case .events(let batch):
                let last = models[id]?.upTo ?? .zero
                #expect(batch.events.allSatisfy { $0.revision > last && $0.revision <= batch.revision })
                models[id]?.seen += batch.events
                models[id]?.upTo = batch.revision
            case .compacted(let revision):
                #expect(revision == store.compactedRevision)
                #expect((models[id]?.upTo.next ?? .zero) < revision, "what it has seen was not enough")
                compare(id)
                models[id] = nil
                cancelled += 1
            case .behind, .idle, .unknown: break
            }
        }

        func compare(_ id: WatcherID) {
            guard let model = models[id] else { return }
            let expected = history.filter { event in
                event.revision >= model.start && event.revision <= model.upTo
                    && model.request.range.contains(event.kv.key)
                    && !(event.kind == .put ? model.request.noPut : model.request.noDelete)
            }
            #expect(model.seen.map(\.kv) == expected.map(\.kv) && model.seen.map(\.kind) == expected.map(\.kind))
            finished += 1
        }

        for _ in 0..<4_000 {
            trace.revision = store.revision.rawValue
            trace.compacted = store.compactedRevision.rawValue
            switch trace.number(0...99) {
            case 0..<55:
                let before = store.revision
                let command = trace.command()
                if case .compact = command, !trace.chance(4) { continue }
                _ = outcome { () throws(KVError) in try store.apply(command, at: .zero) }
                if store.revision > before {
                    history += try store.events(in: .all, from: before.next, limit: .max).events
                }
                if !trace.chance(8) { _ = set.advance(to: store) }
            case 55..<62:
                guard models.count < 25 else { continue }
                let request = WatchRequest(
                    trace.range(), start: trace.chance(2) ? .zero : trace.anyRevision(), noPut: trace.chance(6),
                    noDelete: trace.chance(6), previous: trace.chance(2))
                guard case .success(let id) = outcome({ () throws(KVError) in try set.add(request, to: store) }) else {
                    continue
                }
                let start = request.start == .zero ? store.revision.next : request.start
                models[id] = Model(request: request, start: start, upTo: Revision(start.rawValue - 1))
            case 62..<64:
                guard let id = models.keys.sorted().randomElement(using: &trace.random) else { continue }
                compare(id)
                models[id] = nil
                set.remove(id)
            case 64..<80:
                guard let id = models.keys.sorted().randomElement(using: &trace.random) else { continue }
                record(id, set.take(id, from: store, limit: trace.number(1...6)))
            default:
                if let (id, output) = set.serve(from: store, limit: trace.number(1...6)) { record(id, output) }
            }
        }
        _ = set.advance(to: store)
        while let (id, output) = set.serve(from: store) { record(id, output) }
        for id in models.keys.sorted() {
            let position = max(store.revision, models[id]?.upTo ?? .zero)
            #expect(set.progress(of: id) == store.revision, "everyone has caught up")
            models[id]?.upTo = position
            compare(id)
        }
        #expect(cancelled > 5 && finished > 50, "the trace reaches both ends: \(cancelled), \(finished)")
    }
}
