import ApusKV
import ApusPrimitives

/// What readers and watchers of an embedded store see: the state up to the last write that is as safe as promised.
final class VisibleState: Sendable {
    private struct State {
        var store: KVStore
        var watchers: WatcherSet
        /// Consumers that wait for their watcher.
        var waiting: [WatcherID: CheckedContinuation<WatchOutput, any Error>] = [:]
        var isClosed = false
    }

    private let state: Locked<State>

    init(_ store: KVStore, watchBacklog: Int) {
        state = Locked(State(store: store, watchers: WatcherSet(at: store.revision, backlogLimit: watchBacklog)))
    }

    var snapshot: KVStore { state.withLock { $0.store } }

    var watcherCount: Int { state.withLock { $0.watchers.count } }

    /// - Throws: `.closed`.
    func readable() throws(CoordinationError) -> KVStore {
        try state.withLock { state throws(CoordinationError) in
            if state.isClosed { throw .closed }
            return state.store
        }
    }

    /// Changes the state in place, and wakes the watchers.
    func update<Result>(_ body: (inout KVStore) throws -> Result) throws -> Result {
        let (result, woken) = try state.withLock { state in
            if state.isClosed { throw CoordinationError.closed }
            let result = try body(&state.store)
            return (result, Self.advance(&state))
        }
        for consumer in woken { consumer.resume(returning: .behind) }
        return result
    }

    /// Puts a new state in the place of the old one, and wakes the watchers.
    func publish(_ store: KVStore) {
        let woken = state.withLock { state in
            state.store = store
            return Self.advance(&state)
        }
        for consumer in woken { consumer.resume(returning: .behind) }
    }

    func addWatcher(_ request: WatchRequest) throws(CoordinationError) -> WatcherID {
        do {
            return try state.withLock { state in
                if state.isClosed { throw CoordinationError.closed }
                return try state.watchers.add(request, to: state.store)
            }
        } catch let error as KVError {
            throw CoordinationError(error)
        } catch {
            throw .closed
        }
    }

    func removeWatcher(_ id: WatcherID) {
        let consumer = state.withLock { state in
            state.watchers.remove(id)
            return state.waiting.removeValue(forKey: id)
        }
        consumer?.resume(returning: .unknown)
    }

    /// Waits for the next changes of a watcher.
    func nextBatch(for id: WatcherID) async throws -> WatchBatch {
        while true {
            switch try await nextOutput(for: id) {
            case .events(let batch): return batch
            case .behind, .idle: continue
            case .compacted(let revision): throw CoordinationError.compacted(revision)
            case .unknown:
                if state.withLock({ $0.isClosed }) { throw CoordinationError.closed }
                throw CancellationError()
            }
        }
    }

    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for consumer in waiting.values { consumer.resume(returning: .unknown) }
    }

    private func nextOutput(for id: WatcherID) async throws -> WatchOutput {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<WatchOutput, any Error>? = state.withLock { state in
                    if state.isClosed { return .success(.unknown) }
                    guard state.waiting[id] == nil else {
                        return .failure(CoordinationError(.invalidRequest, "a watch has one consumer at a time"))
                    }
                    let output = state.watchers.take(id, from: state.store)
                    guard case .idle = output else { return .success(output) }
                    state.waiting[id] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            removeWatcher(id)
        }
    }

    private static func advance(_ state: inout State) -> [CheckedContinuation<WatchOutput, any Error>] {
        state.watchers.advance(to: state.store).compactMap { state.waiting.removeValue(forKey: $0) }
    }
}

extension CoordinationError {
    static let closed = CoordinationError(.closed, "the store is closed")
}
