/// A number that the config center can change while the service runs.
///
/// What is stored there is clamped to `range`, so that no setting can make a service useless or unbounded.
struct Tunable: Hashable, Sendable {
    /// The key in the service's namespace, unit included.
    let key: String
    let defaultValue: Int64
    let range: ClosedRange<Int64>

    init(_ key: String, _ defaultValue: Int64, in range: ClosedRange<Int64>) {
        self.key = key
        self.defaultValue = defaultValue
        self.range = range
    }
}

/// Reads the tunables of one service as they are now.
struct Tunables: Sendable {
    private let look: @Sendable (String) -> Int64?

    /// - Parameter look: the stored number, or nil when there is none.
    init(_ look: @escaping @Sendable (String) -> Int64?) {
        self.look = look
    }

    /// All at their defaults.
    static let defaults = Tunables { _ in nil }

    subscript(tunable: Tunable) -> Int64 {
        guard let stored = look(tunable.key) else { return tunable.defaultValue }
        return min(max(stored, tunable.range.lowerBound), tunable.range.upperBound)
    }
}
