/// What a client asked for, and what it was told: one line of the history that is checked.
struct Operation: Sendable {
    enum Kind: Sendable {
        case put(value: String)
        case delete
        /// Writes `value` when the key's last change is `since`; reads it otherwise.
        case swap(value: String, since: Int64)
        case read
        /// Whatever the member has; it may be behind.
        case serializableRead
    }

    /// What a key was, by an answer.
    struct Seen: Hashable, Sendable {
        let value: String
        let modRevision: Int64
    }

    enum Outcome: Sendable {
        /// A put, or a swap that happened.
        case written(revision: Int64)
        case deleted(revision: Int64, count: Int64)
        /// A read, or a swap that found something else. Nil: there was no such key.
        case read(revision: Int64, Seen?)
        /// Nobody knows: it may have happened, or happen yet.
        case unknown(String)
    }

    let client: Int
    let key: String
    let kind: Kind
    /// Nanoseconds of one clock for all clients.
    let invoked: Int64
    let returned: Int64
    let outcome: Outcome

    /// The revision that its answer was given at.
    var revision: Int64? {
        switch outcome {
        case .written(let revision), .deleted(let revision, _), .read(let revision, _): revision
        case .unknown: nil
        }
    }
}

/// A change, as a watch tells it.
struct Change: Hashable, Sendable {
    let revision: Int64
    let key: String
    /// Nil: a deletion.
    let value: String?
}

/// What one watcher saw, through all its reconnections.
struct Watched: Sendable {
    let name: String
    let start: Int64
    var changes: [Change] = []
}
