import ApusCoordination
import ApusKV
import ApusPrimitives

/// A store that does what a network and an operator do: goes away, breaks watches, loses answers, loses its data.
final class FaultyStore: CoordinationStore {
    private struct State {
        var store: EmbeddedStore
        var isAway = false
        var losesAnswers = false
        var watches: [CoordinationWatch] = []
        var replacement: EmbeddedStore?
    }

    private let state: Locked<State>

    init(_ store: EmbeddedStore) {
        state = Locked(State(store: store))
    }

    /// What is behind the faults now.
    var real: EmbeddedStore { state.withLock { $0.store } }

    func setAway(_ isAway: Bool) {
        state.withLock { $0.isAway = isAway }
        if isAway { breakWatches() }
    }

    /// Writes take effect, but their answers do not arrive.
    func setLosesAnswers(_ losesAnswers: Bool) {
        state.withLock { $0.losesAnswers = losesAnswers }
    }

    func breakWatches() {
        let watches = state.withLock { state in
            defer { state.watches = [] }
            return state.watches
        }
        for watch in watches { watch.cancel() }
    }

    /// The store comes back without its data.
    func replace(with store: EmbeddedStore) {
        state.withLock { $0.store = store }
        breakWatches()
    }

    /// Comes back as `store` between a list and the watch after it.
    func losesDataBeforeNextWatch(_ store: EmbeddedStore) {
        state.withLock { $0.replacement = store }
    }

    private func reachable() throws -> EmbeddedStore {
        try state.withLock { state in
            if state.isAway { throw CoordinationError(.unavailable, "the store is away", retry: .after(.seconds(1))) }
            return state.store
        }
    }

    private func answer<Value>(_ value: Value) throws -> Value {
        if state.withLock({ $0.losesAnswers || $0.isAway }) {
            throw CoordinationError(.unavailable, "the answer was lost", mayHaveHappened: true)
        }
        return value
    }

    func range(_ request: RangeRequest) async throws -> RangeResponse { try await reachable().range(request) }
    func put(_ request: PutRequest) async throws -> PutResponse { try answer(try await reachable().put(request)) }
    func delete(_ request: DeleteRangeRequest) async throws -> DeleteRangeResponse {
        try answer(try await reachable().delete(request))
    }
    func txn(_ request: TxnRequest) async throws -> TxnResponse { try answer(try await reachable().txn(request)) }
    func grantLease(ttlSeconds: Int64) async throws -> LeaseGrant {
        try answer(try await reachable().grantLease(ttlSeconds: ttlSeconds))
    }
    func keepAlive(_ lease: LeaseID) async throws -> Int64 { try answer(try await reachable().keepAlive(lease)) }
    func revokeLease(_ lease: LeaseID) async throws { try answer(try await reachable().revokeLease(lease)) }
    func compact(at revision: Revision) async throws { try await reachable().compact(at: revision) }

    func watch(_ request: WatchRequest) async throws -> CoordinationWatch {
        if let replacement = state.withLock({ $0.replacement.take() }) { replace(with: replacement) }
        let inner = try await reachable().watch(request)
        let iterator = SendableIterator(inner.makeAsyncIterator())
        state.withLock { $0.watches.append(inner) }
        return CoordinationWatch(
            next: {
                do {
                    return try await iterator.next()
                } catch is CancellationError {
                    // Broken from outside, unless it was the consumer who ended it.
                    try Task.checkCancellation()
                    throw CoordinationError(.unavailable, "the watch broke")
                }
            },
            cancel: { inner.cancel() })
    }
}

// Safe: one consumer uses it at a time, as `CoordinationWatch` demands.
private final class SendableIterator: @unchecked Sendable {
    private var iterator: CoordinationWatch.Iterator

    init(_ iterator: CoordinationWatch.Iterator) {
        self.iterator = iterator
    }

    func next() async throws -> WatchBatch {
        guard let batch = try await iterator.next() else { throw CancellationError() }
        return batch
    }
}
