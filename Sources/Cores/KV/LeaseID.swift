/// The name of a lease; `none` (0) where a key has no lease.
public struct LeaseID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    public static let none = LeaseID(0)

    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Lower-case hexadecimal, as etcd's tools print it.
    public var description: String { String(UInt64(bitPattern: rawValue), radix: 16) }
}
