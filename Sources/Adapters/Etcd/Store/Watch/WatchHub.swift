import ApusChannels
import ApusCoordination
import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import ApusResilience
import Logging
import SwiftProtobuf

/// Carries all watches of a store over one stream, and over the next one when that is lost.
final class WatchHub: Sendable {
    private struct State {
        var table = WatchTable()
        /// Consumers that wait for their next changes, and callers whose watch is not in place yet.
        var waiting: [WatchTable.ID: CheckedContinuation<Void, Never>] = [:]
        var opening: [WatchTable.ID: CheckedContinuation<Void, Never>] = [:]
        var isClosed = false
    }

    private let client: EtcdClient
    private let logger: Logger
    private let state = Locked(State())
    /// Something is to be sent, or there is a first watch.
    private let news = Channel<Bool>(capacity: 1)
    private let time = TimeSource.continuous

    init(client: EtcdClient, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    // MARK: Consumers

    /// Returns when the watch is in place.
    func watch(_ request: WatchRequest) async throws -> CoordinationWatch {
        let id = try state.withLock { state in
            if state.isClosed { throw Self.closed }
            return state.table.add(request, at: time.now())
        }
        _ = news.trySend(true)
        let watch = CoordinationWatch(next: { try await self.next(id) }, cancel: { self.remove(id) })
        do {
            let limit = Deadline(after: client.settings.callTimeout, from: time.now())
            try await limit.run { try await self.waitUntilOpen(id) }
        } catch let error as ResilienceError {
            watch.cancel()
            throw CoordinationError(
                .timeout, "no member set up the watch in time", retry: .after(.milliseconds(100)), cause: error)
        } catch {
            watch.cancel()
            throw error
        }
        return watch
    }

    private func waitUntilOpen(_ id: WatchTable.ID) async throws {
        await wait(for: id, in: \.opening) { state in
            guard let entry = state.table.entries[id] else { return true }
            return entry.hasBeenOpen || entry.phase == .over
        }
        try Task.checkCancellation()
        let entry = state.withLock { $0.table.entries[id] }
        guard let entry else { throw CancellationError() }
        if !entry.hasBeenOpen, let failure = entry.failure { throw failure }
    }

    private func next(_ id: WatchTable.ID) async throws -> WatchBatch {
        while true {
            try Task.checkCancellation()
            switch state.withLock({ $0.table.take(id, at: time.now()) }) {
            case .batch(let batch):
                _ = news.trySend(true)
                return batch
            case .over(let failure): throw failure ?? CancellationError()
            case .nothing: break
            }
            let isAlone = await wait(for: id, in: \.waiting) { state in
                guard let entry = state.table.entries[id] else { return true }
                return !entry.ready.isEmpty || entry.phase == .over
            }
            guard isAlone else {
                throw CoordinationError(.invalidRequest, "a watch has one consumer at a time")
            }
        }
    }

    /// Waits until somebody wakes `id`, the task is cancelled, or `isOver` holds already.
    ///
    /// - Returns: false when another task waits for it.
    @discardableResult
    private func wait(
        for id: WatchTable.ID,
        in line: any WritableKeyPath<State, [WatchTable.ID: CheckedContinuation<Void, Never>]> & Sendable,
        unless isOver: (State) -> Bool
    ) async -> Bool {
        var isAlone = true
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    if Task.isCancelled || isOver(state) { return false }
                    guard state[keyPath: line][id] == nil else {
                        isAlone = false
                        return false
                    }
                    state[keyPath: line][id] = continuation
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0[keyPath: line].removeValue(forKey: id) }?.resume()
        }
        return isAlone
    }

    private func remove(_ id: WatchTable.ID) {
        let woken = state.withLock { state in
            state.table.remove(id)
            return [state.waiting.removeValue(forKey: id), state.opening.removeValue(forKey: id)]
        }
        for continuation in woken { continuation?.resume() }
        _ = news.trySend(true)
    }

    /// How many watches there are.
    var count: Int { state.withLock { $0.table.entries.count } }

    // MARK: Streams

    /// Serves the watches until it is cancelled, which ends them.
    func run() async throws {
        defer { close() }
        var failures = 0
        while true {
            while state.withLock({ $0.table.isEmpty }) { _ = try await news.receive() }
            let error: any Error
            do {
                try await serve { failures = 0 }
                error = GRPCError(.unavailable, "the stream of watches ended")
            } catch let failure {
                error = failure
            }
            state.withLock { $0.table.streamLost(at: time.now()) }
            try Task.checkCancellation()
            giveUp(error)
            failures += 1
            if failures > 1 {
                logger.debug("no stream for the watches", metadata: ["error": "\(error)", "attempts": "\(failures)"])
            }
            try await time.sleep(for: min(.milliseconds(10) * (1 << min(failures, 6)), .milliseconds(500)))
        }
    }

    private func giveUp(_ error: any Error) {
        let refusal = (error as? GRPCError).map { NextAttempt(after: $0, effect: .none, hasUser: true) }
        let isForGood = refusal == NextAttempt.none
        let message = (error as? GRPCError)?.message ?? "\(error)"
        let failure =
            (error as? GRPCError).map { CoordinationError($0, isWrite: false) }
            ?? CoordinationError(.unavailable, message, cause: error)
        let limit = isForGood ? MonotonicTime.distantFuture : time.now() - client.settings.watchPatience
        apply { $0.giveUp(waitingSince: limit, failure) }
    }

    /// One stream, until it ends by an error.
    private func serve(_ progressed: () -> Void) async throws {
        try await client.watch { call in
            state.withLock { $0.table.streamOpened() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    repeat {
                        while let request = self.state.withLock({ $0.table.nextRequest(at: self.time.now()) }) {
                            try await call.requests.send(request)
                        }
                    } while try await self.news.receive() != nil
                }
                defer { group.cancelAll() }
                while let response = try await call.replies.next() {
                    progressed()
                    let effects = apply { $0.received(response, at: self.time.now()) }
                    try await follow(effects)
                }
            }
        }
    }

    private func follow(_ effects: [WatchTable.Effect]) async throws {
        for effect in effects {
            switch effect {
            case .opened, .ready: break
            case .denied:
                try await client.authenticate(since: client.tokens.current.generation)
                throw GRPCError(.unavailable, "the stream began before the token")
            case .behind(let seen): try await checkHistory(since: seen)
            }
        }
        if !effects.isEmpty { _ = news.trySend(true) }
    }

    /// A member may lag; a control plane that is as a whole at an earlier revision than it was has lost data, and a watch on it
    /// would silently wait for its own past.
    private func checkHistory(since seen: Revision) async throws {
        let now: EtcdRangeResponse
        do {
            now = try await client.range(
                .with {
                    $0.key = Bytes([0]).data
                    $0.countOnly = true
                })
        } catch let error as GRPCError where error.code == .permissionDenied {
            return
        }
        guard now.header.revision < seen.rawValue else { return }
        logger.error(
            "the control plane lost data",
            metadata: ["seen": "\(seen)", "revision": "\(now.header.revision)"])
        let failure = CoordinationError(
            .unavailable, "the store lost its data: it is at revision \(now.header.revision) and was at \(seen)")
        apply { $0.endAll(failure) }
    }

    @discardableResult
    private func apply(_ body: (inout WatchTable) -> [WatchTable.Effect]) -> [WatchTable.Effect] {
        let (effects, woken) = state.withLock { state in
            let effects = body(&state.table)
            var woken: [CheckedContinuation<Void, Never>?] = []
            for effect in effects {
                switch effect {
                case .opened(let id): woken.append(state.opening.removeValue(forKey: id))
                case .ready(let id):
                    woken.append(state.waiting.removeValue(forKey: id))
                    woken.append(state.opening.removeValue(forKey: id))
                case .denied, .behind: break
                }
            }
            return (effects, woken)
        }
        for continuation in woken { continuation?.resume() }
        return effects
    }

    private func close() {
        state.withLock { $0.isClosed = true }
        apply { $0.endAll(Self.closed) }
    }

    private static let closed = CoordinationError(.closed, "the store is closed")
}
