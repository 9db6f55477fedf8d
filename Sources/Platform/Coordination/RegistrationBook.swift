import ApusKV
import ApusPrimitives

/// What a registry wants the store to hold, and what it knows that the store holds, as a value.
struct RegistrationBook: Sendable {
    enum Step: Equatable, Sendable {
        /// `overwrites`: also when another process is registered under the key.
        case put(Bytes, Bytes, overwrites: Bool)
        case delete(Bytes, lease: LeaseID)
    }

    private enum Entry: Sendable {
        /// To be written. Leaves to `confirmed` (written), `taken` (another process is there), `unwanted`.
        case wanted(Bytes, overwrites: Bool)
        /// The store had this value under the lease. Leaves to `wanted` (lease lost, key gone, value changed), `unwanted`.
        case confirmed(Bytes, lease: LeaseID)
        /// Another process has the key; tried again, for it may go. Leaves as `wanted` does.
        case taken(Bytes)
        /// To be deleted if it is ours. Leaves by being deleted, or to `wanted`.
        case unwanted(lease: LeaseID)
    }

    var lease: LeaseID?
    private var entries: [Bytes: Entry] = [:]

    mutating func want(_ key: Bytes, _ value: Bytes) {
        entries[key] = .wanted(value, overwrites: true)
    }

    mutating func forget(_ key: Bytes) {
        entries[key] = nil
    }

    /// - Returns: whether there may be something to delete.
    mutating func withdraw(_ key: Bytes) -> Bool {
        guard entries[key] != nil else { return false }
        entries[key] = lease.map { .unwanted(lease: $0) }
        return lease != nil
    }

    /// Everything is unwanted, and the lease is given up; it takes the keys along.
    mutating func withdrawAll() -> LeaseID? {
        entries = [:]
        defer { lease = nil }
        return lease
    }

    /// The store has forgotten the lease and with it every key under it.
    mutating func loseLease(_ lost: LeaseID) {
        guard lease == lost else { return }
        lease = nil
        for (key, entry) in entries {
            switch entry {
            case .confirmed(let value, _): entries[key] = .wanted(value, overwrites: false)
            case .unwanted: entries[key] = nil
            case .wanted, .taken: break
            }
        }
    }

    /// At least one of these keys is not what it was.
    mutating func doubt(_ keys: [Bytes]) {
        for key in keys {
            guard case .confirmed(let value, _)? = entries[key] else { continue }
            entries[key] = .wanted(value, overwrites: false)
        }
    }

    mutating func confirm(_ key: Bytes, value: Bytes, lease: LeaseID) {
        switch entries[key] {
        case .wanted(value, _)?, .taken(value)?: entries[key] = .confirmed(value, lease: lease)
        default: break  // Changed its mind while the store was asked.
        }
    }

    /// - Returns: whether that is news.
    mutating func noteTaken(_ key: Bytes) -> Bool {
        guard case .wanted(let value, _)? = entries[key] else { return false }
        entries[key] = .taken(value)
        return true
    }

    mutating func confirmDeleted(_ key: Bytes) {
        if case .unwanted? = entries[key] { entries[key] = nil }
    }

    func isConfirmed(_ key: Bytes) -> Bool {
        if case .confirmed? = entries[key] { true } else { false }
    }

    var confirmedKeys: [Bytes] {
        entries.keys.filter(isConfirmed).sorted()
    }

    /// What is left to do, in the order of the keys.
    var tasks: [Step] {
        entries.sorted { $0.key < $1.key }.compactMap { key, entry in
            switch entry {
            case .wanted(let value, let overwrites): .put(key, value, overwrites: overwrites)
            case .taken(let value): .put(key, value, overwrites: false)
            case .unwanted(let lease): .delete(key, lease: lease)
            case .confirmed: nil
            }
        }
    }
}
