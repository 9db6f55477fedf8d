/// An answer that says whether it is the whole one.
public enum Degradable<Value> {
    /// What was asked for.
    case full(Value)
    /// What the fallback had instead, and why.
    case degraded(Value, because: any Error)

    /// The answer, whole or not.
    @inlinable
    public var value: Value {
        switch self {
        case .full(let value), .degraded(let value, _): value
        }
    }

    /// Why the answer is not whole; nil when it is.
    @inlinable
    public var reason: (any Error)? {
        switch self {
        case .full: nil
        case .degraded(_, let error): error
        }
    }

    @inlinable
    public var isDegraded: Bool { reason != nil }

    /// The same with another value: what is made of a degraded answer is degraded.
    @inlinable
    public func map<Other>(_ transform: (Value) throws -> Other) rethrows -> Degradable<Other> {
        switch self {
        case .full(let value): .full(try transform(value))
        case .degraded(let value, let error): .degraded(try transform(value), because: error)
        }
    }
}

extension Degradable: Sendable where Value: Sendable {}
