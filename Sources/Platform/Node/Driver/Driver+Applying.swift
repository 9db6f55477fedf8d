import ApusPrimitives
import ApusRaft
import NIOCore

/// Committed entries that wait to be applied.
struct CommittedEntries {
    private var batches: [[Entry]] = []
    private var offset = 0

    var isEmpty: Bool { batches.isEmpty }

    mutating func append(_ entries: [Entry]) { batches.append(entries) }

    mutating func removeAll() { self = CommittedEntries() }

    /// The next ones, at most `count`.
    mutating func take(_ count: Int) -> ArraySlice<Entry> {
        guard let batch = batches.first else { return [] }
        let taken = batch[offset...].prefix(count)
        offset = taken.endIndex
        if offset == batch.endIndex {
            batches.removeFirst()
            offset = 0
        }
        return taken
    }
}

extension Driver {
    /// Entries between two looks at the clock.
    private static let entriesPerStep = 256

    /// Applies what is committed, for a slice of time; the rest follows when others on the event loop had their turn.
    func apply() {
        guard !committed.isEmpty, restoring == nil, !isApplying else { return }
        let end = NIODeadline.now() + TimeAmount.nanoseconds(settings.applySlice.nanoseconds)
        while !committed.isEmpty, !isEnded {
            applyingAt = NIODeadline.now()
            let entries = committed.take(Self.entriesPerStep)
            for entry in entries { apply(entry) }
            raft.applied(through: appliedIndex)
            if let last = entries.last { machine.applied(through: last.index, term: last.term) }
            serveReads()
            if !committed.isEmpty, applyingAt >= end {
                isApplying = true
                later {
                    $0.isApplying = false
                    $0.apply()
                    $0.settle()
                }
                break
            }
        }
        takeSnapshotIfDue()
    }

    private func apply(_ entry: Entry) {
        appliedIndex = entry.index
        bytesSinceSnapshot += entry.size
        switch entry.payload {
        case .empty: break
        case .command(let envelope): apply(envelope, at: entry.index, term: entry.term)
        case .configuration(let configuration, let context):
            membersApplied(configuration, context, at: entry)
        }
        if !changes.isEmpty { settleChanges(entry) }
    }

    private func apply(_ envelope: Bytes, at index: LogIndex, term: Term) {
        switch Envelope.open(envelope) {
        case .openSession(let id, let applied):
            sessions.open(id, knowing: LogIndex(applied), at: index)
            sessionApplied(id)
        case .command(let header, let command):
            let isOwn = session == .open(header.session)
            switch sessions.admit(header, at: index) {
            case .fresh:
                guard isOwn, let waiter = outstanding.remove(header.sequence) else {
                    return machine.apply(command, at: index, term: term, for: nil)
                }
                metrics.applied(waiter, at: applyingAt)
                finish(waiter) { machine.apply(command, at: index, term: term, for: $0) }
            case .duplicate:
                // Whoever waits for it still got its effect in a snapshot.
                if isOwn, let waiter = outstanding.remove(header.sequence) {
                    finish(waiter) { $0.fail(answerLost()) }
                }
            case .unknownSession:
                if isOwn { sessionLost() }
            }
        case .unknown: break
        }
    }

    func answerLost() -> NodeError {
        NodeError(.answerLost, "the command took effect, but this node got its effect in a snapshot")
    }
}
