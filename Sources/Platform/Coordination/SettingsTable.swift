import ApusKV
import ApusPrimitives

/// Declared defaults and what is stored over them, as a value.
struct SettingsTable: Sendable {
    struct Stored: Sendable {
        let text: String
        let revision: Revision
        /// nil: the text is not of the declared type, and the default holds.
        let value: SettingValue?
    }

    struct Problem: Sendable {
        let key: String
        let reason: String
    }

    let defaults: [String: SettingValue]
    private(set) var stored: [String: Stored] = [:]
    private var listedAt = Revision.zero
    /// The last change of each setting since the list, so that a watch that lags behind our own writes is not believed.
    private var changedAt: [String: Revision] = [:]
    /// The highest revision that the store is known to have reached.
    private(set) var reached = Revision.zero

    init(defaults: [String: SettingValue]) {
        self.defaults = defaults
    }

    subscript(key: String) -> SettingValue? {
        stored[key]?.value ?? defaults[key]
    }

    /// - Parameter keepMissing: the store lost its data: what it lacks was not necessarily deleted.
    mutating func list(_ settings: [(key: String, kv: KeyValue)], at revision: Revision, keepMissing: Bool) -> [Problem]
    {
        let before = stored
        stored = [:]
        var problems: [Problem] = []
        for (key, kv) in settings { put(key, kv, &problems) }
        for (key, known) in before where stored[key] == nil && keepMissing {
            stored[key] = Stored(text: known.text, revision: .zero, value: known.value)
        }
        // What this center wrote itself after the list was read.
        for (key, changed) in changedAt where !keepMissing && changed > revision { stored[key] = before[key] }
        listedAt = revision
        reached = keepMissing ? revision : max(reached, revision)
        changedAt = changedAt.filter { !keepMissing && $0.value > revision }
        return problems
    }

    mutating func apply(_ event: Event, to key: String) -> [Problem] {
        reached = max(reached, event.revision)
        // A list shows what all changes up to its revision led to.
        guard event.revision > listedAt, event.revision > changedAt[key] ?? .zero else { return [] }
        var problems: [Problem] = []
        if defaults[key] != nil { changedAt[key] = event.revision }
        switch event.kind {
        case .put: put(key, event.kv, &problems)
        case .delete: stored[key] = nil
        }
        return problems
    }

    private mutating func put(_ key: String, _ kv: KeyValue, _ problems: inout [Problem]) {
        let text = kv.value.text
        guard let example = defaults[key] else {
            problems.append(Problem(key: key, reason: "no such setting is declared"))
            return
        }
        let value = SettingValue(text, like: example)
        if value == nil {
            problems.append(Problem(key: key, reason: "\"\(text)\" is not a \(example.typeName): the default holds"))
        }
        stored[key] = Stored(text: text, revision: kv.modRevision, value: value)
    }
}
