/// A point in the history of a store: it grows by one with every transaction that changes something.
///
/// A fresh store is at revision 1, so the first change has revision 2.
public struct Revision: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// In a request: "now". As the create or mod revision in a comparison: "the key is absent".
    public static let zero = Revision(0)

    /// The revision after this one.
    public var next: Revision { Revision(rawValue == .max ? .max : rawValue + 1) }

    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}
