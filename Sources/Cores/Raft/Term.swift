/// A period with at most one leader (Raft, section 5.1): the logical clock of a cluster. A fresh node is in term 0.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static let zero = Term(0)

    @inlinable public var next: Term { Term(rawValue + 1) }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}
