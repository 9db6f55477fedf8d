extension WatcherSet {
    /// How far one watcher has got.
    struct Watcher: Sendable {
        let request: WatchRequest
        /// Nothing before this revision is still to come, but for the backlog. Counts while lagging, and for a start in
        /// the future.
        private(set) var next: Revision
        /// Events that have been handed out and not taken yet; they precede `next`.
        private(set) var backlog: [Event] = []
        private var backlogBytes = 0
        /// From `next` on it must read the history itself.
        private(set) var isLagging: Bool
        /// Is in the queue of those who have something to take.
        var hasTurn = false

        init(request: WatchRequest, next: Revision, isLagging: Bool) {
            self.request = request
            self.next = next
            self.isLagging = isLagging
        }

        var hasWork: Bool { isLagging || !backlog.isEmpty }

        /// Takes an event into the backlog. A revision that does not fit as a whole is left to the history.
        /// Returns true if there was nothing to take before.
        mutating func offer(_ event: Event, limit: Int, limitBytes: Int) -> Bool {
            guard !isLagging, event.revision >= next, request.wants(event) else { return false }
            let hadWork = hasWork
            if backlog.count < limit, backlogBytes < limitBytes {
                backlog.append(event)
                if !request.previous { backlog[backlog.count - 1].previous = nil }
                backlogBytes += backlog[backlog.count - 1].bytes
            } else {
                while backlog.last?.revision == event.revision { backlogBytes -= backlog.removeLast().bytes }
                next = event.revision
                isLagging = true
            }
            return !hadWork
        }

        /// Returns true if there was nothing to take before.
        mutating func fallBehind(at revision: Revision, _ published: Revision) -> Bool {
            guard !isLagging, max(next, revision) <= published else { return false }
            let hadWork = hasWork
            next = max(next, revision)
            isLagging = true
            return !hadWork
        }

        mutating func take(
            limit: Int, limitBytes: Int, _ scanLimit: Int, from store: KVStore, _ published: Revision
        ) throws(KVError) -> WatchOutput {
            if !backlog.isEmpty { return .events(takeBacklog(limit: limit, published)) }
            guard isLagging else { return .idle }
            let history = try store.events(
                in: request.range, from: next, limit: limit, limitBytes: limitBytes, previous: request.previous,
                scanLimit: scanLimit)
            next = history.next
            isLagging = next <= published
            let wanted = history.events.filter(request.wants)
            guard wanted.isEmpty else {
                return .events(WatchBatch(revision: Revision(next.rawValue - 1), events: wanted))
            }
            return isLagging ? .behind : .idle
        }

        private mutating func takeBacklog(limit: Int, _ published: Revision) -> WatchBatch {
            var end = min(limit, backlog.count)
            while end < backlog.count, backlog[end].revision == backlog[end - 1].revision { end += 1 }
            guard end < backlog.count else {
                defer { (backlog, backlogBytes) = ([], 0) }
                return WatchBatch(revision: isLagging ? Revision(next.rawValue - 1) : published, events: backlog)
            }
            let events = Array(backlog[..<end])
            backlog.removeFirst(end)
            backlogBytes -= events.reduce(0) { $0 + $1.bytes }
            return WatchBatch(revision: Revision(backlog[0].revision.rawValue - 1), events: events)
        }
    }
}
