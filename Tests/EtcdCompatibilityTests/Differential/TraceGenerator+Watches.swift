import ApusEtcdAPI
import Foundation
import SwiftProtobuf

extension TraceGenerator {
    mutating func watchStep(_ view: TraceView, _ user: String?) -> TraceStep {
        let stream = Int.random(in: 0..<Self.streams, using: &random)
        let existing = view.watches.indices.contains(stream) ? view.watches[stream] : []
        switch percent() {
        case ..<40 where existing.count < 12:
            return .watch(stream: stream, .with { $0.createRequest = creation(view) })
        case ..<65:
            let id = existing.isEmpty || chance(15) ? Int64.random(in: 0...9, using: &random) : pick(existing)
            return .watch(stream: stream, .with { $0.cancelRequest = .with { $0.watchID = id } })
        case ..<75:
            return .watch(stream: stream, .with { $0.progressRequest = EtcdWatchProgressRequest() })
        case ..<80:
            return .openStream(stream, user: user)
        default:
            return .settle
        }
    }

    private mutating func creation(_ view: TraceView) -> EtcdWatchCreateRequest {
        var request = EtcdWatchCreateRequest()
        request.key = chance(8) ? Data() : pick(Self.keys)
        request.rangeEnd = rangeEnd(request.key)
        // Etcd 3.5.1 lets whoever may read a key watch all keys from there on; ours asks for all of them.
        if view.isAuthEnabled, request.rangeEnd == Data([0]) { request.rangeEnd = Data() }
        switch percent() {
        case ..<40: break
        case ..<85: request.startRevision = max(1, revision(view))
        case ..<95: request.startRevision = view.revision + Int64.random(in: 1...5, using: &random)
        // Before the first compaction etcd 3.5.1 forgets the past of all watches that it looks after at the same time.
        default: request.startRevision = chance(50) && view.compacted > 0 ? -1 : 1
        }
        if chance(20) { request.filters.append(pick([.noput, .nodelete])) }
        if chance(3) { request.filters.append(pick([.noput, .nodelete])) }
        request.prevKv = chance(50)
        request.fragment = chance(20)
        if chance(30) { request.watchID = Int64.random(in: 1...9, using: &random) }
        return request
    }
}
