/// Judges a history by the log that the cluster has at its end.
///
/// Each answer says at which revision it was given, so the order in which operations took effect need not be searched for: the
/// cluster claims one. It is checked that this order fits every answer and the real time, which is strict serializability;
/// that nothing acknowledged is missing; that nothing happened twice; and that each watcher saw its part of it, once and in
/// order. Operations without an answer may have happened at any time after they were asked for, once.
struct HistoryChecker {
    let operations: [Operation]
    /// Every change from the first revision on.
    let log: [Change]
    let watched: [Watched]
    /// At most so many complaints.
    static let limit = 20

    private(set) var complaints: [String] = []
    /// Of each key, its changes in order.
    private var versions: [String: [Change]] = [:]

    static func check(operations: [Operation], log: [Change], watched: [Watched]) -> [String] {
        var checker = HistoryChecker(operations: operations, log: log, watched: watched)
        checker.checkLog()
        checker.checkAnswers()
        checker.checkRealTime()
        checker.checkWatchers()
        return checker.complaints
    }

    private init(operations: [Operation], log: [Change], watched: [Watched]) {
        self.operations = operations
        self.log = log
        self.watched = watched
        for change in log { versions[change.key, default: []].append(change) }
    }

    private mutating func complain(_ text: String) {
        if complaints.count < Self.limit { complaints.append(text) }
    }

    private mutating func checkLog() {
        for (before, after) in zip(log, log.dropFirst()) where after.revision <= before.revision {
            complain("the log goes from revision \(before.revision) to \(after.revision)")
        }
        var writers: [String: Operation] = [:]
        for operation in operations {
            if let value = operation.kind.written { writers[value] = operation }
        }
        var seen: [String: Int64] = [:]
        for change in log {
            guard let value = change.value else { continue }
            if let first = seen.updateValue(change.revision, forKey: value) {
                complain("'\(value)' was written twice, at \(first) and \(change.revision)")
            }
            guard let writer = writers[value], writer.key == change.key else {
                complain("'\(value)' of \(change.key) at \(change.revision) was written by nobody")
                continue
            }
        }
    }

    /// The last change of a key up to a revision.
    private func state(of key: String, at revision: Int64) -> Change? {
        guard let changes = versions[key] else { return nil }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : changes[low - 1]
    }

    private mutating func checkAnswers() {
        for operation in operations {
            switch operation.outcome {
            case .unknown: continue
            case .written(let revision):
                let change = state(of: operation.key, at: revision)
                if change?.revision != revision || change?.value != operation.kind.written {
                    complain("lost: \(operation), but the log has \(change.map { "\($0)" } ?? "nothing")")
                }
                if case .swap(_, let since) = operation.kind {
                    let before = state(of: operation.key, at: revision - 1)
                    let last = before?.value == nil ? 0 : before?.revision ?? 0
                    if last != since { complain("a swap went through at \(last): \(operation)") }
                }
            case .deleted(let revision, let count):
                let change = state(of: operation.key, at: revision)
                if count > 0, change?.revision != revision || change?.value != nil {
                    complain("a lost deletion: \(operation)")
                }
                if count == 0, change?.value != nil { complain("nothing to delete, but \(change!): \(operation)") }
            case .read(let revision, let seen):
                let change = state(of: operation.key, at: revision)
                let expected = change.flatMap { change in
                    change.value.map { Operation.Seen(value: $0, modRevision: change.revision) }
                }
                if seen != expected {
                    complain("a wrong read: \(operation), but \(change.map { "\($0)" } ?? "nothing")")
                }
                if case .swap(_, let since) = operation.kind, since == expected?.modRevision ?? 0 {
                    complain("a swap was refused for nothing: \(operation)")
                }
            }
        }
    }

    /// What ended before another began must not come after it.
    private mutating func checkRealTime() {
        // The highest revision that somebody was told of before a moment.
        let ended =
            operations
            .filter { !$0.isSerializable && $0.revision != nil }
            .sorted { $0.returned < $1.returned }
        let byInvocation = operations.filter { !$0.isSerializable }.sorted { $0.invoked < $1.invoked }
        let written = Dictionary(
            log.compactMap { change in change.value.map { ($0, change.revision) } },
            uniquingKeysWith: { first, _ in first })
        var next = 0
        var known: Int64 = 0
        for operation in byInvocation {
            while next < ended.count, ended[next].returned < operation.invoked {
                known = max(known, ended[next].revision ?? 0)
                next += 1
            }
            // One without an answer may still be in the log.
            let revision = operation.revision ?? operation.kind.written.flatMap { written[$0] }
            guard let revision else { continue }
            let isWrite: Bool =
                switch operation.outcome {
                case .written, .unknown: true
                case .deleted(_, let count): count > 0
                case .read: false
                }
            if isWrite ? revision <= known : revision < known {
                complain("stale: \(operation) at \(revision), although \(known) was known before it began")
            }
        }
    }

    private mutating func checkWatchers() {
        for watcher in watched {
            guard let last = watcher.changes.last?.revision else { continue }
            let expected = log.filter { $0.revision >= watcher.start && $0.revision <= last }
            guard watcher.changes != expected else { continue }
            let place = zip(watcher.changes, expected).enumerated().first { $1.0 != $1.1 }
            let index = place?.offset ?? min(watcher.changes.count, expected.count)
            let got = index < watcher.changes.count ? "\(watcher.changes[index])" : "nothing"
            let wanted = index < expected.count ? "\(expected[index])" : "nothing"
            complain("\(watcher.name) saw \(got) where the log has \(wanted) (event \(index) from \(watcher.start))")
        }
    }
}

extension Operation {
    var isSerializable: Bool { if case .serializableRead = kind { true } else { false } }
}

extension Operation.Kind {
    /// The value that it writes, if it happens.
    var written: String? {
        switch self {
        case .put(let value), .swap(let value, _): value
        case .delete, .read, .serializableRead: nil
        }
    }
}
