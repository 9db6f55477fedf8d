/// The place of an entry in the log. The first entry has index 1; 0 is the place before it.
public struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static let zero = LogIndex(0)

    @inlinable public var next: LogIndex { LogIndex(rawValue + 1) }

    /// The place before this one; 0 has none before it and stays.
    @inlinable public var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }

    @inlinable
    public static func + (left: Self, right: Int) -> Self {
        Self(left.rawValue + UInt64(right))
    }

    /// How many places `left` is behind `right`; negative when it is before it.
    @inlinable
    public static func - (left: Self, right: Self) -> Int {
        Int(bitPattern: UInt(left.rawValue &- right.rawValue))
    }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}
