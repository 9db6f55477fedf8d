import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf
import TestSupport

/// Sends a trace to etcd and to ours, step by step, and compares what both say.
struct TraceRunner {
    /// Where the two disagree.
    struct Disagreement: Error, CustomStringConvertible {
        let seed: UInt64
        let index: Int
        let step: String
        let etcd, ours: String

        var description: String {
            """
            seed \(seed), step \(index): \(step)
            --- etcd:
            \(etcd)
            --- ours:
            \(ours)
            --- again: APUS_SEED=\(seed) swift test --filter DifferentialTests
            """
        }
    }

    /// A watch that is there, and up to where its events are counted.
    private struct Watch {
        var key, end: Data
        var start: Int64
        var filters: [EtcdWatchCreateRequest.FilterType]
        /// Whether an event has come. Until then etcd may not have looked at the past, and a compaction would end the watch.
        var isSynced: Bool
        /// Of what the observer has seen.
        var counted = 0

        func sees(_ event: EtcdEvent, compacted: Int64) -> Bool {
            // A deletion at the compaction's own revision is forgotten; a put there is not.
            guard event.kv.modRevision > compacted || event.type == .put else { return false }
            guard event.kv.modRevision >= start, !filters.contains(event.type == .put ? .noput : .nodelete) else {
                return false
            }
            if end.isEmpty { return event.kv.key == key }
            let isFrom = !event.kv.key.lexicographicallyPrecedes(key)
            return isFrom && (end == Data([0]) || event.kv.key.lexicographicallyPrecedes(end))
        }
    }

    private struct Stream {
        /// It came with a token, which may have become invalid.
        var hasToken = false
        var watches: [Int64: Watch] = [:]
        /// Events, and ends by compaction, that must come in all.
        var expected: [Int64: Int] = [:]
    }

    /// `APUS_TRACE=1` shows every step and its answer.
    private static let prints = ProcessInfo.processInfo.environment["APUS_TRACE"] != nil

    let seed: UInt64
    private let etcd, ours: TraceSide
    private(set) var view = TraceView()
    private var streams = [Stream](repeating: Stream(), count: TraceGenerator.streams)
    private var index = 0
    /// How much of each of etcd's streams, by watch, was compared.
    private var agreed: [ObjectIdentifier: [Int64: Int]] = [:]
    /// Requests whose answers were compared.
    private(set) var operations = 0
    /// By how each method was answered: "OK" or the name of a code, for a look at what a trace reaches.
    private(set) var outcomes: [String: Int] = [:]

    init(seed: UInt64, etcd: GRPCClient, ours: GRPCClient, watches: Bool) async throws {
        self.seed = seed
        self.etcd = try await TraceSide(etcd, watches: watches)
        self.ours = try await TraceSide(ours, watches: watches)
    }

    func close() async {
        await etcd.close()
        await ours.close()
    }

    mutating func run(_ step: TraceStep) async throws {
        index += 1
        view.watches = streams.map { $0.watches.keys.sorted() }
        switch step {
        case .call(let call, let user):
            // What a watch saw before must not depend on when it was sent.
            if call.request is EtcdCompactionRequest {
                try await settle(step)
                try await cancelUnsynced(step)
            }
            try await compare(call, user, step)
        case .claim(let call, let user, let name, let lease):
            let prefix = name + Data("/".utf8)
            let range = EtcdRangeRequest.with {
                $0.key = prefix
                $0.rangeEnd = TraceGenerator.prefixEnd(prefix)
            }
            let look = UnaryCall(EtcdService.kv, "Range", range, EtcdRangeResponse.self)
            let holders = view.isAuthEnabled ? await etcd.askAsRoot(look) : await look.ask(etcd.client, token: nil)
            guard let holders = holders.raw as? EtcdRangeResponse else {
                throw disagreement(step, holders.answer.description, "")
            }
            guard holders.kvs.allSatisfy({ $0.lease == lease }), await mayBind(lease, user) else { return }
            try await compare(call, user, step)
        case .openStream(let index, let user):
            try await settle(step)
            try await etcd.openStream(index, user: user)
            try await ours.openStream(index, user: user)
            streams[index] = Stream(hasToken: user != nil)
            agreed = [:]
        case .watch(let stream, var request):
            switch request.requestUnion {
            case .progressRequest:
                // Etcd 3.5.1 says at once how far everything is, though a watch is to begin later; ours, as etcd since 3.5.8,
                // says it when all have.
                guard !streams[stream].watches.values.contains(where: { $0.start > view.revision }) else { return }
            case .createRequest(let creation)
            where (view.isAuthEnabled || streams[stream].hasToken) && streams[stream].watches[creation.watchID] != nil:
                // A refusal has in etcd 3.5.1 the ID that was asked for, 0 for any, and from then on etcd keeps back what
                // a watch of that ID sees.
                request.createRequest.watchID = (10...).first { streams[stream].watches[$0] == nil }!
            default: break
            }
            try await watch(stream, request, step)
        case .settle:
            try await settle(step)
        }
    }

    func disagreement(_ step: TraceStep, _ etcd: String, _ ours: String) -> Disagreement {
        Disagreement(seed: seed, index: index, step: step.description, etcd: etcd, ours: ours)
    }

    // MARK: Calls

    private mutating func compare(_ call: UnaryCall, _ user: String?, _ step: TraceStep) async throws {
        operations += 1
        let (answer, raw) = await etcd.ask(call, user: user)
        var (other, otherRaw) = await ours.ask(call, user: user)
        if isGuarded(call), case .status(let code, _) = other, Self.refusals.contains(code) {
            (other, otherRaw) = await ours.askAsRoot(call)
        }
        if Self.prints { print("#\(index) \(step)\n  => \(answer)") }
        guard answer == other else { throw disagreement(step, answer.description, other.description) }
        let method = call.path.split(separator: "/").last.map(String.init) ?? ""
        if case .status(let code, _) = answer {
            outcomes["\(method) \(code.name)", default: 0] += 1
        } else {
            outcomes["\(method) OK", default: 0] += 1
        }
        guard let raw, let otherRaw else { return }
        view.revision = max(view.revision, raw.header.revision)
        switch call.request {
        case let request as EtcdCompactionRequest: view.compacted = request.revision
        case is EtcdAuthEnableRequest: view.isAuthEnabled = true
        case is EtcdAuthDisableRequest: view.isAuthEnabled = false
        case let request as EtcdAuthenticateRequest:
            etcd.tokens[request.name] = (raw as? EtcdAuthenticateResponse)?.token
            ours.tokens[request.name] = (otherRaw as? EtcdAuthenticateResponse)?.token
        default: break
        }
    }

    /// A claim is a transaction, in which etcd 3.5.1 does not ask whether a user may write the other keys of the lease.
    private func mayBind(_ lease: Int64, _ user: String?) async -> Bool {
        guard view.isAuthEnabled, user != nil, user != "root" else { return true }
        let look = EtcdLeaseTimeToLiveRequest.with {
            $0.id = lease
            $0.keys = true
        }
        let found = await etcd.askAsRoot(
            UnaryCall(EtcdService.lease, "LeaseTimeToLive", look, EtcdLeaseTimeToLiveResponse.self))
        return (found.raw as? EtcdLeaseTimeToLiveResponse)?.keys.isEmpty ?? false
    }

    private static let refusals: Set<GRPCCode> = [.permissionDenied, .unauthenticated, .invalidArgument]

    /// What etcd 3.5.1 tells anybody about leases, and ours, as etcd does now, whoever may read their keys.
    private func isGuarded(_ call: UnaryCall) -> Bool {
        view.isAuthEnabled && (call.request is EtcdLeaseTimeToLiveRequest || call.request is EtcdLeaseLeasesRequest)
    }

    // MARK: Watches

    private mutating func watch(_ index: Int, _ request: EtcdWatchRequest, _ step: TraceStep) async throws {
        operations += 1
        try await settle(step)
        try await etcd.streams[index].ask(request)
        try await ours.streams[index].ask(request)
        switch request.requestUnion {
        case .createRequest(let creation):
            guard let created = etcd.streams[index].state.created else { break }
            if created.canceled { break }
            var watch = Watch(
                key: creation.key.isEmpty ? Data([0]) : creation.key, end: creation.rangeEnd,
                start: creation.startRevision, filters: creation.filters,
                isSynced: creation.startRevision == 0 || creation.startRevision > created.header.revision)
            if watch.start == 0 { watch.start = created.header.revision + 1 }
            if watch.start < view.compacted {
                streams[index].expected[created.watchID, default: 0] += 1
            } else {
                streams[index].watches[created.watchID] = watch
            }
        case .cancelRequest(let cancel): streams[index].watches[cancel.watchID] = nil
        default: break
        }
        try await settle(step)
    }

    private mutating func cancelUnsynced(_ step: TraceStep) async throws {
        for index in streams.indices {
            for (id, _) in streams[index].watches.filter({ !$0.value.isSynced }).sorted(by: { $0.key < $1.key }) {
                try await watch(index, .with { $0.cancelRequest = .with { $0.watchID = id } }, step)
            }
        }
    }

    /// Waits until every watch has on both sides what it must have, and compares all that came.
    private mutating func settle(_ step: TraceStep) async throws {
        let revision = view.revision
        guard let observer = etcd.observer, let otherObserver = ours.observer else { return }
        for side in [observer, otherObserver] {
            try await wait(step, "the observers have revision \(revision)") {
                if side.state.end != nil { return true }
                guard case .event(let event)? = side.state.items[0]?.last else { return revision == 1 }
                return event.kv.modRevision >= revision
            }
        }
        let history = observer.state.items[0] ?? []
        for index in streams.indices {
            let compacted = view.compacted
            for id in streams[index].watches.keys.sorted() {
                guard let watch = streams[index].watches[id] else { continue }
                let new = history[watch.counted...].count { item in
                    if case .event(let event) = item { watch.sees(event, compacted: compacted) } else { false }
                }
                streams[index].watches[id]?.counted = history.count
                if new > 0 {
                    streams[index].expected[id, default: 0] += new
                    streams[index].watches[id]?.isSynced = true
                }
            }
            let reference = etcd.streams[index]
            for id in streams[index].expected.keys.sorted() {
                let count = reference.answers(to: id) + streams[index].expected[id]!
                for side in [etcd, ours] {
                    let stream = side.streams[index]
                    try await wait(step, "stream \(index): watch \(id) has \(count)") {
                        stream.count(id) >= count || stream.state.end != nil
                    }
                }
            }
        }
        try compareStreams(step)
    }

    private mutating func compareStreams(_ step: TraceStep) throws {
        guard let first = etcd.observer, let second = ours.observer else { return }
        for (one, other) in zip([first] + etcd.streams, [second] + ours.streams) {
            try compare(one.state, other.state, &agreed[ObjectIdentifier(one), default: [:]], step)
        }
    }

    private mutating func wait(_ step: TraceStep, _ what: String, _ condition: () -> Bool) async throws {
        do {
            try await eventually(within: .seconds(20), condition)
        } catch is NeverHeld {
            try compareStreams(step)
            throw disagreement(step, "", "it never came that \(what); \(view), \(streams)")
        }
    }

    private func compare(
        _ one: WatchStream.Received, _ other: WatchStream.Received, _ agreed: inout [Int64: Int], _ step: TraceStep
    ) throws {
        for (name, breaches) in [("etcd", one.breaches), ("ours", other.breaches)] where !breaches.isEmpty {
            throw disagreement(step, "", "\(name): \(breaches)")
        }
        guard one.end == other.end else {
            throw disagreement(
                step, one.end?.description ?? "the stream goes on", other.end?.description ?? "the stream goes on")
        }
        for id in Set(one.items.keys).union(other.items.keys).sorted() {
            let (first, second) = (one.items[id] ?? [], other.items[id] ?? [])
            let known = agreed[id] ?? 0
            guard first[known...] != second[known...] else {
                agreed[id] = first.count
                continue
            }
            let start = known + zip(first[known...], second[known...]).prefix { $0 == $1 }.count
            func rest(_ items: [WatchStream.Item]) -> String {
                "watch \(id), from item \(start) of \(items.count):\n"
                    + items.dropFirst(start).prefix(5).map(\.description).joined(separator: "\n")
            }
            throw disagreement(step, rest(first), rest(second))
        }
    }
}
