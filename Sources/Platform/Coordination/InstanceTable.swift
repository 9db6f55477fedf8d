import ApusKV
import ApusPrimitives

/// What a directory knows of each instance, as a value: lists and events in, the current instances out.
///
/// Events may be older than the list that came before them; revisions decide.
struct InstanceTable: Sendable {
    struct Problem: Sendable {
        let key: Bytes
        let reason: String
    }

    struct Outcome: Sendable {
        /// The services whose instances are not what they were.
        var changed: Set<String> = []
        var problems: [Problem] = []
    }

    private struct Entry {
        /// nil: under this key is something that is not an instance.
        var instance: ServiceInstance?
        var modRevision: Revision
        /// The last list lacked it: it goes at this moment.
        var missingUntil: MonotonicTime?
    }

    private var entries: [Bytes: Entry] = [:]
    /// The revision of the last list: it shows what the puts up to there led to.
    private var listedAt = Revision.zero
    private var byService: [String: [String: ServiceInstance]] = [:]

    /// By service, in the order of the identifiers; services without an instance are absent.
    private(set) var instances: [String: [ServiceInstance]] = [:]
    /// Grows with every change of `instances`.
    private(set) var version: UInt64 = 0

    /// A list is newer than whatever came before it, whatever the revisions say: they start again in a store that lost
    /// its data.
    mutating func list(_ kvs: [KeyValue], at revision: Revision, missingUntil: MonotonicTime) -> Outcome {
        var outcome = Outcome()
        for key in entries.keys where entries[key].map({ $0.modRevision > revision }) == true {
            entries[key]?.modRevision = .zero
        }
        let listed = Set(kvs.map(\.key))
        for key in entries.keys where !listed.contains(key) {
            entries[key]?.missingUntil = missingUntil
        }
        for kv in kvs { put(kv, &outcome) }
        listedAt = revision
        return finish(outcome)
    }

    mutating func apply(_ events: [Event]) -> Outcome {
        var outcome = Outcome()
        for event in events {
            switch event.kind {
            case .put: if event.revision > listedAt { put(event.kv, &outcome) }
            case .delete:
                guard let entry = entries[event.kv.key], entry.modRevision < event.kv.modRevision else { continue }
                set(event.kv.key, to: nil, &outcome)
            }
        }
        return finish(outcome)
    }

    mutating func dropMissing(at now: MonotonicTime) -> Outcome {
        var outcome = Outcome()
        for (key, entry) in entries {
            guard let until = entry.missingUntil, until <= now else { continue }
            set(key, to: nil, &outcome)
        }
        return finish(outcome)
    }

    private mutating func put(_ kv: KeyValue, _ outcome: inout Outcome) {
        var entry = Entry(instance: nil, modRevision: kv.modRevision, missingUntil: nil)
        do {
            entry.instance = try ServiceInstance(decoding: kv.value, under: kv.key)
        } catch {
            // Each is told of once, however often it is listed.
            let known = entries[kv.key]
            if known?.modRevision != kv.modRevision || known?.instance != nil {
                outcome.problems.append(Problem(key: kv.key, reason: "\(error)"))
            }
        }
        set(kv.key, to: entry, &outcome)
    }

    private mutating func set(_ key: Bytes, to entry: Entry?, _ outcome: inout Outcome) {
        let before = entries[key]?.instance
        let after = entry?.instance
        entries[key] = entry
        guard before != after else { return }
        // Both are of the same service, which is part of the key.
        guard let service = (after ?? before)?.service, let id = (after ?? before)?.id else { return }
        byService[service, default: [:]][id] = after
        outcome.changed.insert(service)
    }

    private mutating func finish(_ outcome: Outcome) -> Outcome {
        for service in outcome.changed {
            let sorted = byService[service, default: [:]].values.sorted { $0.id < $1.id }
            instances[service] = sorted.isEmpty ? nil : sorted
            if sorted.isEmpty { byService[service] = nil }
        }
        if !outcome.changed.isEmpty { version += 1 }
        return outcome
    }
}
