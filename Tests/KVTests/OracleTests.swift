import ApusKV
import ApusPrimitives
import Testing

/// The store against the naive one: every answer, every error, every event list, and old snapshots.
@Suite struct OracleTests {
    private static let operationsPerSeed = 10_000

    @Test(arguments: 1...7 as ClosedRange<UInt64>)
    func agreesWithTheNaiveStore(seed: UInt64) throws {
        var run = Run(seed: seed)
        for step in 1...Self.operationsPerSeed {
            guard run.step() else {
                Issue.record("seed \(seed), step \(step): \(run.difference)")
                return
            }
        }
        #expect(run.store.revision > Revision(1_000), "the trace changes things")
    }
}

private struct Run {
    var store = KVStore()
    var oracle = Oracle()
    var trace: RandomTrace
    var now = MonotonicTime.zero
    var snapshots: [(KVStore, Oracle)] = []
    var difference = ""

    init(seed: UInt64) {
        trace = RandomTrace(seed: seed)
    }

    mutating func step() -> Bool {
        trace.revision = store.revision.rawValue
        trace.compacted = store.compactedRevision.rawValue
        now = now + .milliseconds(trace.number(0...300))
        switch trace.number(0...9) {
        case 0...5: return command()
        case 6...7: return range(store, oracle)
        case 8: return events(store, oracle)
        default: return leases() && snapshot()
        }
    }

    private mutating func same<Value: Equatable>(
        _ what: @autoclosure () -> String, _ left: Result<Value, KVError>, _ right: Result<Value, KVError>
    ) -> Bool {
        switch (left, right) {
        case (.success(let left), .success(let right)) where left == right: return true
        case (.failure(let left), .failure(let right))
        where left.code == right.code && left.compactRevision == right.compactRevision: return true
        default:
            difference = "\(what()): \(left) is not \(right)"
            return false
        }
    }

    private mutating func command() -> Bool {
        let command = trace.command()
        let (now, before) = (now, store)
        let mine = outcome { () throws(KVError) in try store.apply(command, at: now) }
        let expected = outcome { () throws(KVError) in try oracle.apply(command, at: now) }
        if case .failure = mine, before.revision != store.revision {
            difference = "\(command) failed and made a revision"
            return false
        }
        return same("\(command)", mine, expected)
    }

    private mutating func range(_ store: KVStore, _ oracle: Oracle) -> Bool {
        let request = trace.rangeRequest()
        return same(
            "\(request)", outcome { () throws(KVError) in try store.range(request) },
            outcome { () throws(KVError) in try oracle.range(request) })
    }

    /// Reads the history of a range in pieces and compares the whole.
    private mutating func events(_ store: KVStore, _ oracle: Oracle) -> Bool {
        let range = trace.range()
        guard !range.start.isEmpty else { return true }
        let from = Revision(max(1, trace.anyRevision().rawValue))
        let limit = trace.number(1...10)
        let mine = outcome { () throws(KVError) in
            var all: [Event] = []
            var next = from
            while next <= store.revision {
                let piece = try store.events(in: range, from: next, limit: limit, scanLimit: 50)
                if let last = piece.events.last, last.revision >= next, last.revision >= piece.next {
                    throw KVError(code: .malformed, message: "a revision was split")
                }
                all += piece.events
                next = piece.next
            }
            return all
        }
        let expected: Result<[Event], KVError> =
            from.rawValue < oracle.compacted && from <= store.revision
            ? .failure(oracle.failure(.compacted))
            : .success(oracle.events.filter { $0.revision >= from && range.contains($0.kv.key) })
        return same("events in \(range) from \(from)", mine, expected)
    }

    private mutating func leases() -> Bool {
        if trace.chance(3) {
            let (id, now) = (LeaseID(Int64(trace.number(0...6))), now)
            let renewed = same(
                "keep alive \(id)", outcome { () throws(KVError) in try store.keepAlive(id, at: now) },
                outcome { () throws(KVError) in try oracle.keepAlive(id, at: now) })
            guard renewed else { return false }
        }
        let expected = oracle.leases.values.sorted { $0.id < $1.id }
        let expired = expected.filter { $0.expires <= now }.sorted { ($0.expires, $0.id) < ($1.expires, $1.id) }
        guard store.leases == expected, store.expiredLeases(at: now, limit: .max) == expired.map(\.id),
            store.nextLeaseExpiry == expected.map(\.expires).min(),
            expected.allSatisfy({ store.keys(attachedTo: $0.id) == oracle.keys(attachedTo: $0.id) })
        else {
            difference = "leases \(store.leases) are not \(expected)"
            return false
        }
        return true
    }

    /// Takes a snapshot now and then, and compares old ones long after.
    private mutating func snapshot() -> Bool {
        if trace.chance(5) { snapshots.append((store, oracle)) }
        if snapshots.count > 8 { snapshots.removeFirst(trace.number(1...4)) }
        guard let (store, oracle) = snapshots.randomElement(using: &trace.random) else { return true }
        trace.revision = store.revision.rawValue
        trace.compacted = store.compactedRevision.rawValue
        return range(store, oracle) && events(store, oracle)
    }
}
