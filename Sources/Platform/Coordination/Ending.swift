import ServiceLifecycle

/// Runs `body`, which does not end by itself, until graceful shutdown, and then returns.
///
/// - Throws: `CancellationError` when the task was cancelled, or what `body` throws.
func ending(_ body: @Sendable @escaping () async throws -> Void) async throws {
    do {
        try await cancelWhenGracefulShutdown(body)
    } catch is CancellationError {
        try Task.checkCancellation()
    }
}
