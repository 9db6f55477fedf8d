import ApusKV
import ApusPrimitives
import ApusResilience
import Logging

/// Keeps a copy of all keys with a prefix up to date: lists them, watches from there, and begins again after whatever
/// broke the watch, for ever. What the copy does with what it hears is the caller's.
struct PrefixFollower: Sendable {
    enum Update: Sendable {
        /// All there was at `revision`. `lostHistory`: the store is at an earlier revision than it was before, so it lost
        /// data, and what is missing in the list was not necessarily deleted.
        case listed([KeyValue], revision: Revision, lostHistory: Bool)
        /// What changed, in order. After a list this may begin with changes that are in the list already.
        case changed([Event], revision: Revision)
        /// The store is out of reach; the follower tries again.
        case away(any Error)
    }

    /// How long the store may take to list the keys or to set up the watch.
    static let callTimeout = Duration.seconds(5)

    let store: any CoordinationStore
    let prefix: Bytes
    let time: TimeSource
    var retry = RetryPolicy(
        maxAttempts: .max, baseDelay: .milliseconds(50), maxDelay: .seconds(3), jitter: .decorrelated)
    /// What the caller knows of the store from elsewhere, its own writes say: a list below it is of a store that lost
    /// data, even when the watch never got as far.
    var known: @Sendable () -> Revision = { .zero }

    /// - Throws: `CancellationError` only.
    func run(_ receive: @Sendable (Update) -> Void) async throws {
        var progress = Progress()
        var failures = 0
        var wait = Duration.zero
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                try await follow(from: &progress, failures: &failures, receive)
            } catch {
                try Task.checkCancellation()
                // Not an outage: the list is read again at once, though not in a tight loop.
                let isCompacted = (error as? CoordinationError)?.code == .compacted
                if isCompacted { progress.replayed = nil } else { receive(.away(error)) }
                failures += 1
                if failures == 1 && isCompacted { continue }
            }
            wait = retry.delay(afterAttempt: failures, previous: failures > 1 ? wait : .zero, using: &random)
            try await time.sleep(for: wait)
        }
    }

    private struct Progress {
        /// Everything up to here came through a list or a watch; nil: begin with a list alone.
        var replayed: Revision?
        /// The highest revision that the store has shown.
        var reached = Revision.zero
    }

    /// One list and one watch; ends by throwing.
    private func follow(
        from progress: inout Progress, failures: inout Int, _ receive: @Sendable (Update) -> Void
    ) async throws {
        let reached = max(progress.reached, known())
        let list = try await limited { try await store.list(prefix: prefix) }
        let lostHistory = list.revision < reached
        progress.reached = list.revision
        receive(.listed(list.kvs, revision: list.revision, lostHistory: lostHistory))
        // Replaying what happened since the last batch shows which of the missing keys were deleted on purpose.
        if lostHistory { progress.replayed = nil }
        let start = (progress.replayed ?? list.revision).next
        let watch = try await limited { try await store.watch(.prefix(prefix), from: start) }
        // A store that came back empty in between would let the watch wait for a revision of its past.
        let now = try await limited { try await store.range(RangeRequest(.prefix(prefix), countOnly: true)) }
        guard now.revision >= list.revision else {
            throw CoordinationError(.unavailable, "the store lost its data while the watch was set up")
        }
        progress.replayed = progress.replayed ?? list.revision
        for try await batch in watch {
            failures = 0
            receive(.changed(batch.events, revision: batch.revision))
            progress.replayed = max(progress.replayed ?? .zero, batch.revision)
            progress.reached = max(progress.reached, batch.revision)
        }
    }

    private func limited<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await Deadline(after: Self.callTimeout, from: time.now()).run(on: time, body)
    }
}
