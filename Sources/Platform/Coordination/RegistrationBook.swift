import ApusKV
import ApusPrimitives

/// What a registry wants the store to hold, and what it knows that the store holds, as a value.
struct RegistrationBook: Sendable {
    enum Step: Equatable, Sendable {
        /// `overwrites`: also when another process is registered under the key.
        case put(Bytes, Bytes, overwrites: Bool)
        /// Without a lease nothing can have been written.
        case delete(Bytes, lease: LeaseID?)
    }

    private enum Entry: Sendable {
        /// To be written. Leaves to `confirmed` (written), `taken` (another process is there), `unwanted`.
        case wanted(Bytes, overwrites: Bool)
        /// The store had this value under the lease. Leaves to `wanted` (lease lost, key gone, value changed), `unwanted`.
        case confirmed(Bytes, lease: LeaseID)
        /// Another process has the key; tried again, for it may go. Leaves as `wanted` does.
        case taken(Bytes)
        /// To be deleted if it is under our lease. Leaves by being deleted, or to `wanted`.
        case unwanted
        /// The store refuses it for good. Leaves when that is told, or to `wanted`.
        case refused(CoordinationError)
    }

    var lease: LeaseID?
    private var entries: [Bytes: Entry] = [:]

    mutating func want(_ key: Bytes, _ value: Bytes) {
        entries[key] = .wanted(value, overwrites: true)
    }

    /// The store refuses the value for good; a newer one may do.
    mutating func refuse(_ key: Bytes, _ value: Bytes, because error: CoordinationError) {
        switch entries[key] {
        case .wanted(value, _)?, .taken(value)?: entries[key] = .refused(error)
        default: break
        }
    }

    /// Why the store refused the key, told once.
    mutating func takeRefusal(of key: Bytes) -> CoordinationError? {
        guard case .refused(let error)? = entries[key] else { return nil }
        entries[key] = nil
        return error
    }

    /// - Returns: whether there may be something to delete: a write that is on its way counts.
    mutating func withdraw(_ key: Bytes) -> Bool {
        guard entries[key] != nil else { return false }
        entries[key] = .unwanted
        return true
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
            case .wanted, .taken, .refused: break
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

    /// The store has this value. Whoever changed their mind while it was asked keeps the new one.
    mutating func confirm(_ key: Bytes, value: Bytes, lease: LeaseID) {
        switch entries[key] {
        case .wanted(value, _)?, .taken(value)?: entries[key] = .confirmed(value, lease: lease)
        default: break
        }
    }

    /// - Returns: whether that is news.
    mutating func noteTaken(_ key: Bytes) -> Bool {
        guard case .wanted(let value, overwrites: false)? = entries[key] else { return false }
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
            case .unwanted: .delete(key, lease: lease)
            case .confirmed, .refused: nil
            }
        }
    }
}
