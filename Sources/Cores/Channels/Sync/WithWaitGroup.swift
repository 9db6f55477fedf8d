import ApusPrimitives

/// Runs tasks, at most so many at a time, and returns when all of them have ended: Go's `errgroup.Group` with its limit.
///
/// ```swift
/// try await withWaitGroup(atMost: 4) { group in
///     for page in pages {
///         try await group.go { try await fetch(page) }
///     }
/// }
/// ```
///
/// The first error, of a task or of `body`, cancels the other tasks; it is thrown when all have ended.
///
/// - Parameter limit: how many tasks run side by side, 1 or more; nil for as many as `body` starts.
/// - Throws: the first error; `CancellationError` when the caller was cancelled and something gave up for that reason.
public func withWaitGroup<Value>(
    atMost limit: Int? = nil, _ body: (inout WaitGroupScope) async throws -> Value
) async throws -> Value {
    let failure = Locked<(any Error)?>(nil)
    do {
        return try await withThrowingDiscardingTaskGroup { group in
            var scope = WaitGroupScope(
                group: group, places: limit.map { Semaphore(permits: $0) }, failure: failure)
            return try await body(&scope)
        }
    } catch {
        // A body that was refused because a task had failed before must not hide why.
        throw failure.withLock { $0 } ?? error
    }
}

/// Where `withWaitGroup` starts its tasks.
public struct WaitGroupScope {
    var group: ThrowingDiscardingTaskGroup<any Error>
    let places: Semaphore?
    let failure: Locked<(any Error)?>

    /// Starts a task; waits first while as many as are allowed are running.
    ///
    /// - Throws: `CancellationError` when a task has failed or the caller was cancelled: `task` was not started.
    public mutating func go(_ task: sending @escaping @isolated(any) () async throws -> Void) async throws {
        try await places?.acquire()
        let (places, failure) = (places, failure)
        let isStarted = group.addTaskUnlessCancelled {
            defer { places?.release() }
            do {
                try await task()
            } catch {
                failure.withLock { $0 = $0 ?? error }
                throw error
            }
        }
        guard isStarted else {
            places?.release()
            throw CancellationError()
        }
    }
}
