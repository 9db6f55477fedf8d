import ApusCoordination
import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import Foundation
import SwiftProtobuf
import Testing

@testable import ApusEtcd

/// The table against a server that is a list of events, with streams that break anywhere.
@Suite struct WatchTableTests {
    @Test(arguments: 0..<40)
    func everyWatchSeesEveryEventOnce(_ seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<400 { world.step() }
        world.settle()
        for (id, seen) in world.seen {
            let start = world.starts[id]!
            let wanted = world.history.filter { $0 >= start }
            #expect(seen == wanted, "watch \(id) of seed \(seed)")
        }
    }

    @Test func aWatchIsParkedAtItsBoundAndGoesOnWhenItIsTaken() {
        var table = WatchTable(mostEvents: 4)
        let id = table.add(WatchRequest(.key("a")), at: .zero)
        table.streamOpened()
        let create = table.nextRequest(at: .zero)!.createRequest
        #expect(table.received(World.created(create.watchID, at: 10), at: .zero) == [.opened(id)])
        for revision in Int64(11)...14 { _ = table.received(World.event(create.watchID, revision), at: .zero) }
        #expect(table.entries[id]?.phase == .parked)
        #expect(table.nextRequest(at: .zero)?.cancelRequest.watchID == create.watchID)
        // What was on its way is not taken: it comes again.
        #expect(table.received(World.event(create.watchID, 15), at: .zero) == [])
        for _ in 11...14 { _ = table.take(id, at: .zero) }
        #expect(table.nextRequest(at: .zero)?.createRequest.startRevision == 15)
    }

    @Test func aRefusalIsToldOnceTheTokenIsNew() {
        var table = WatchTable()
        let id = table.add(WatchRequest(.key("a")), at: .zero)
        for attempt in 0..<2 {
            table.streamOpened()
            let create = table.nextRequest(at: .zero)!.createRequest
            let refusal = EtcdWatchResponse.with {
                $0.watchID = attempt == 0 ? create.watchID : -1
                $0.created = true
                $0.canceled = true
                $0.cancelReason = "etcdserver: permission denied"
            }
            #expect(table.received(refusal, at: .zero) == (attempt == 0 ? [.denied] : [.ready(id)]))
            table.streamLost(at: .zero)
        }
        guard case .over(let failure) = table.take(id, at: .zero) else {
            Issue.record("the watch is not over")
            return
        }
        #expect(failure?.code == .permissionDenied)
    }

    @Test func whatNobodyServesForTooLongEnds() {
        var table = WatchTable()
        let failure = CoordinationError(.unavailable, "away")
        let old = table.add(WatchRequest(.key("a")), at: .zero)
        let new = table.add(WatchRequest(.key("a")), at: .zero + .seconds(5))
        #expect(table.giveUp(waitingSince: .zero + .seconds(1), failure) == [.ready(old)])
        #expect(table.entries[old]?.phase == .over)
        #expect(table.entries[new]?.phase == .queued(since: .zero + .seconds(5)))
    }
}

/// A server, a stream that breaks, and consumers that take when they like.
private struct World {
    var random: SeededRandom
    var table = WatchTable(mostEvents: 6)
    /// One event per revision.
    var history: [Int64] = []
    var revision: Int64 = 1
    /// What each watch took, and the first revision that it should see.
    var seen: [WatchTable.ID: [Int64]] = [:]
    var starts: [WatchTable.ID: Int64] = [:]
    /// At the server: where each watch is; and what is on its way to us.
    var server: [Int64: Int64] = [:]
    var numbers: [Int64: WatchTable.ID] = [:]
    var wire: [EtcdWatchResponse] = []

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    static func created(_ number: Int64, at revision: Int64) -> EtcdWatchResponse {
        .with {
            $0.watchID = number
            $0.created = true
            $0.header.revision = revision
        }
    }

    static func event(_ number: Int64, _ revisions: Int64..., isFragment: Bool = false) -> EtcdWatchResponse {
        events(number, revisions, isFragment: isFragment)
    }

    static func events(_ number: Int64, _ revisions: [Int64], isFragment: Bool) -> EtcdWatchResponse {
        .with {
            $0.watchID = number
            $0.fragment = isFragment
            $0.header.revision = revisions.last ?? 0
            $0.events = revisions.map { revision in
                .with { $0.kv = .with { $0.modRevision = revision } }
            }
        }
    }

    mutating func step() {
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4:
            revision += 1
            history.append(revision)
        case 4: if table.entries.count < 5 { addWatch() }
        case 5..<7: serve()
        case 7..<9: receive()
        case 9..<11: if let id = seen.keys.sorted().randomElement(using: &random) { take(id) }
        default: if Int.random(in: 0..<4, using: &random) == 0 { loseStream() }
        }
        if !table.hasStream, Bool.random(using: &random) { table.streamOpened() }
        while let request = table.nextRequest(at: .zero) { answer(request) }
    }

    private mutating func addWatch() {
        // From now on is from when the server answers, which is not known yet.
        let start = Int64.random(in: 1...revision + 3, using: &random)
        let id = table.add(WatchRequest(.key("a"), start: Revision(start)), at: .zero)
        (starts[id], seen[id]) = (start, [])
    }

    private mutating func answer(_ request: EtcdWatchRequest) {
        if case .createRequest(let create) = request.requestUnion {
            server[create.watchID] = create.startRevision
            wire.append(Self.created(create.watchID, at: revision))
        } else {
            server[request.cancelRequest.watchID] = nil
        }
    }

    /// The server sends some watch what it has, in one piece or in fragments.
    private mutating func serve() {
        guard let number = server.keys.sorted().randomElement(using: &random), let next = server[number] else { return }
        let due = history.filter { $0 >= next }
        guard let last = due.last else { return }
        server[number] = last + 1
        let cut = Int.random(in: 0...due.count, using: &random)
        if cut > 0, cut < due.count {
            wire.append(Self.events(number, Array(due[..<cut]), isFragment: true))
            wire.append(Self.events(number, Array(due[cut...]), isFragment: false))
        } else {
            wire.append(Self.events(number, due, isFragment: false))
        }
    }

    private mutating func receive() {
        guard table.hasStream, !wire.isEmpty else { return }
        _ = table.received(wire.removeFirst(), at: .zero)
    }

    private mutating func take(_ id: WatchTable.ID) {
        while case .batch(let batch) = table.take(id, at: .zero) { seen[id]! += batch.events.map(\.revision.rawValue) }
    }

    private mutating func loseStream() {
        table.streamLost(at: .zero)
        (wire, server) = ([], [:])
    }

    mutating func settle() {
        for _ in 0..<1_000 {
            if !table.hasStream { table.streamOpened() }
            while let request = table.nextRequest(at: .zero) { answer(request) }
            for _ in 0..<10 { serve() }
            while !wire.isEmpty { receive() }
            for id in seen.keys.sorted() { take(id) }
        }
    }
}
