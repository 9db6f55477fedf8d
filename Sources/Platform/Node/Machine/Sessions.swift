import ApusPrimitives
import ApusRaft

/// Which proposals took effect: part of the replicated state, the same on every node at the same index.
///
/// Each run of a node opens a session and numbers its proposals in it. The table remembers of each session which numbers
/// were applied; the one that was not used for longest gives way to a new one. Ongaro's dissertation, section 6.3, with the
/// proposer's lowest waiting number as in RIFL (Lee and others, SOSP 2015).
struct Sessions: Hashable, Sendable {
    /// The same on every node of every version: who is forgotten is part of the state.
    static let limit = 1_024

    struct Session: Hashable, Sendable {
        /// Every number up to here is applied, or never will be.
        var through: UInt64 = 0
        /// Applied numbers after `through`, ascending.
        var beyond: [UInt64] = []
        var lastUsed: LogIndex
    }

    enum Verdict: Hashable {
        case fresh
        case duplicate
        /// Never opened, or forgotten: nothing may be applied, since nobody knows what was.
        case unknownSession
    }

    private(set) var table: [UInt64: Session] = [:]
    /// The latest use of a session that was forgotten. A request to open one that was made before may be a late copy of
    /// that session's own, and is refused.
    private(set) var forgottenThrough = LogIndex.zero

    /// - Parameter applied: what the proposer had applied when it chose the session.
    mutating func open(_ id: UInt64, knowing applied: LogIndex, at index: LogIndex) {
        guard table[id] == nil, applied >= forgottenThrough else { return }
        if table.count >= Self.limit, let oldest = table.min(by: { Self.before($0, $1) }) {
            table[oldest.key] = nil
            forgottenThrough = max(forgottenThrough, oldest.value.lastUsed)
        }
        table[id] = Session(lastUsed: index)
    }

    var count: Int { table.count }

    func contains(_ id: UInt64) -> Bool { table[id] != nil }

    /// Whether a number of a session is applied, or will never be.
    func has(_ id: UInt64, applied sequence: UInt64) -> Bool {
        guard let session = table[id] else { return false }
        return sequence <= session.through || session.beyond.contains(sequence)
    }

    /// Whether a command is to be applied; then it counts as applied.
    mutating func admit(_ header: Envelope.Header, at index: LogIndex) -> Verdict {
        guard let position = table.index(forKey: header.session) else { return .unknownSession }
        return table.values[position].admit(header, at: index)
    }

    private static func before(
        _ left: (key: UInt64, value: Session), _ right: (key: UInt64, value: Session)
    ) -> Bool {
        (left.value.lastUsed, left.key) < (right.value.lastUsed, right.key)
    }
}

extension Sessions.Session {
    fileprivate mutating func admit(_ header: Envelope.Header, at index: LogIndex) -> Sessions.Verdict {
        lastUsed = index
        if header.firstWaiting > through + 1 { abandon(below: header.firstWaiting) }
        let sequence = header.sequence
        guard sequence > through else { return .duplicate }
        if sequence == through + 1 {
            through = sequence
            if !beyond.isEmpty { close() }
            return .fresh
        }
        let place = beyond.firstIndex { $0 >= sequence } ?? beyond.endIndex
        if place < beyond.endIndex, beyond[place] == sequence { return .duplicate }
        beyond.insert(sequence, at: place)
        return .fresh
    }

    private mutating func abandon(below first: UInt64) {
        through = first - 1
        close()
    }

    /// Takes in what follows `through` without a gap.
    private mutating func close() {
        var taken = 0
        while taken < beyond.count, beyond[taken] <= through + 1 {
            through = max(through, beyond[taken])
            taken += 1
        }
        beyond.removeFirst(taken)
    }
}

extension Sessions {
    func write(to output: inout SnapshotOutput) throws {
        try output.write(forgottenThrough.rawValue)
        try output.write(UInt64(table.count))
        for (id, session) in table.sorted(by: { $0.key < $1.key }) {
            try output.write(id)
            try output.write(session.through)
            try output.write(session.lastUsed.rawValue)
            try output.write(UInt64(session.beyond.count))
            for sequence in session.beyond { try output.write(sequence) }
        }
    }

    init(from input: inout SnapshotInput) throws {
        forgottenThrough = LogIndex(try input.readNumber())
        for _ in 0..<(try input.readNumber()) {
            let id = try input.readNumber()
            var session = Session(through: try input.readNumber(), lastUsed: LogIndex(try input.readNumber()))
            for _ in 0..<(try input.readNumber()) { session.beyond.append(try input.readNumber()) }
            table[id] = session
        }
    }
}
