/// Suspends the task with `park`; `onCancel` runs, on any thread, if the task is cancelled before it goes on, and at once if
/// it was cancelled before. It has returned, or will never run, when this function returns.
///
/// The older entry of the standard library, without `isolation:`, because the newer one hops to its caller's executor twice.
/// On a task executor each hop takes the lock on the task's status records, to look up the preference: a rendezvous spent
/// 40 % of its time there (docs/channels.md, "Speed"). Nothing here depends on the executor.
@inlinable @inline(__always)
func suspendCancellably(
    onCancel: @Sendable () -> Void, _ park: (UnsafeContinuation<ChannelWake, Never>) -> Void
) async -> ChannelWake {
    await _unsafeInheritExecutor_withTaskCancellationHandler(
        operation: { await withUnsafeContinuation(park) }, onCancel: onCancel)
}
