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

    /// - Throws: `CancellationError` only.
    func run(_ receive: @Sendable (Update) -> Void) async throws {
        var last = Revision.zero
        var failures = 0
        var wait = Duration.zero
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                try await follow(from: &last, failures: &failures, receive)
            } catch {
                try Task.checkCancellation()
                // Not an outage: the list is read again at once, though not in a tight loop.
                let isCompacted = (error as? CoordinationError)?.code == .compacted
                if isCompacted { last = .zero } else { receive(.away(error)) }
                failures += 1
                if failures == 1 && isCompacted { continue }
            }
            wait = retry.delay(afterAttempt: failures, previous: failures > 1 ? wait : .zero, using: &random)
            try await time.sleep(for: wait)
        }
    }

    /// One list and one watch; ends by throwing.
    private func follow(
        from last: inout Revision, failures: inout Int, _ receive: @Sendable (Update) -> Void
    ) async throws {
        let list = try await limited { try await store.list(prefix: prefix) }
        let lostHistory = list.revision < last
        receive(.listed(list.kvs, revision: list.revision, lostHistory: lostHistory))
        // Replaying what happened since the last batch shows which of the missing keys were deleted on purpose.
        let start = last == .zero || lostHistory ? list.revision.next : last.next
        let watch = try await limited { try await store.watch(.prefix(prefix), from: start) }
        if lostHistory || last == .zero { last = list.revision }
        for try await batch in watch {
            failures = 0
            receive(.changed(batch.events, revision: batch.revision))
            last = max(last, batch.revision)
        }
    }

    private func limited<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await Deadline(after: Self.callTimeout, from: time.now()).run(on: time, body)
    }
}
