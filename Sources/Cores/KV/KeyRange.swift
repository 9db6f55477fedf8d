public import ApusPrimitives

/// A key, or all keys from `start` up to an end.
public struct KeyRange: Hashable, Sendable {
    public enum End: Hashable, Sendable {
        /// The range is the key `start` alone.
        case single
        /// Up to, and without, this key.
        case before(Bytes)
        /// All keys from `start` on.
        case unbounded
    }

    /// Empty only when a request named no key, which every operation refuses.
    public let start: Bytes
    public let end: End

    public init(start: Bytes, end: End) {
        self.start = start
        self.end = end
    }

    /// The form on etcd's wire: an empty `rangeEnd` is the key alone, the single byte 0 is "from the key on".
    public init(key: Bytes, rangeEnd: Bytes = .empty) {
        start = key
        end = rangeEnd.isEmpty ? .single : rangeEnd == Self.first ? .unbounded : .before(rangeEnd)
    }

    public static func key(_ key: Bytes) -> KeyRange {
        KeyRange(start: key, end: .single)
    }

    /// All keys that begin with `prefix`; all keys when it is empty.
    public static func prefix(_ prefix: Bytes) -> KeyRange {
        guard !prefix.isEmpty else { return .all }
        return KeyRange(start: prefix, end: prefix.prefixEnd.map(End.before) ?? .unbounded)
    }

    /// `key` and all keys after it.
    public static func from(_ key: Bytes) -> KeyRange {
        KeyRange(start: key.isEmpty ? first : key, end: .unbounded)
    }

    public static let all = KeyRange(start: first, end: .unbounded)

    /// From `start` up to, and without, `end`; empty when `end` is not above `start`.
    public static func range(_ start: Bytes, _ end: Bytes) -> KeyRange {
        KeyRange(start: start, end: .before(end))
    }

    /// The end on etcd's wire, as `init(key:rangeEnd:)` takes it.
    ///
    /// The wire cannot say "empty, at the very first key": whoever sends a range looks at `isEmpty` first.
    public var rangeEnd: Bytes {
        switch end {
        case .single: .empty
        case .before(let key): key <= Self.first ? start : key
        case .unbounded: Self.first
        }
    }

    /// No key can be in it.
    public var isEmpty: Bool {
        if case .before(let key) = end { key <= start } else { false }
    }

    public func contains(_ key: Bytes) -> Bool {
        switch end {
        case .single: key == start
        case .before(let limit): start <= key && key < limit
        case .unbounded: start <= key
        }
    }

    /// The least key there can be.
    static let first = Bytes([0])
}
