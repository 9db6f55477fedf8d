/// Polls `condition` until it holds.
///
/// The limit is for what never comes: on a busy machine a test may have to wait long for its turn.
///
/// - Throws: `NeverHeld` when it does not hold within `limit`, or what the condition throws.
public func eventually(
    within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else { throw NeverHeld(limit: limit) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A condition that a test waited for did not come.
public struct NeverHeld: Error, CustomStringConvertible {
    let limit: Duration

    public var description: String { "the condition did not hold within \(limit)" }
}
