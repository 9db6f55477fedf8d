public import ApusPrimitives

/// A condition of a transaction: it must hold for every key of `range`.
///
/// A range without keys compares as one key with all numbers 0, and never holds for a value.
public struct Compare: Hashable, Sendable {
    public enum Target: Hashable, Sendable {
        case version(Int64)
        case create(Revision)
        case mod(Revision)
        case value(Bytes)
        case lease(LeaseID)
    }

    /// How the key's side stands to the target's.
    public enum Result: UInt8, Sendable, CaseIterable {
        case equal
        case greater
        case less
        case notEqual
    }

    public var range: KeyRange
    public var target: Target
    public var result: Result

    public init(_ range: KeyRange, _ target: Target, _ result: Result = .equal) {
        self.range = range
        self.target = target
        self.result = result
    }

    public init(key: Bytes, _ target: Target, _ result: Result = .equal) {
        self.init(.key(key), target, result)
    }

    public static func absent(_ key: Bytes) -> Compare {
        Compare(key: key, .create(.zero))
    }

    public static func exists(_ key: Bytes) -> Compare {
        Compare(key: key, .create(.zero), .notEqual)
    }

    /// The key was last written by revision `since`; absent, if that is `.zero`.
    public static func unchanged(_ key: Bytes, since: Revision) -> Compare {
        Compare(key: key, .mod(since))
    }
}
