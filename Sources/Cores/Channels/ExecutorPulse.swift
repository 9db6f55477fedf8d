/// How fast a thread works off its queue, as the watcher sees it from one look to the next.
struct ExecutorPulse {
    /// Work that would wait for longer than this is taken over. A few times what it costs to move a task to another thread:
    /// tasks that talk wait for less, and stay together.
    static let patience = Duration.microseconds(20)

    private var jobsDone: UInt64 = 0

    /// - Parameters:
    ///   - waiting: how many jobs stand in the thread's queue.
    ///   - jobsDone: how many it has done since it was started.
    ///   - elapsed: the time since the last look.
    /// - Returns: whether some of what waits should be taken over.
    mutating func look(waiting: Int, jobsDone: UInt64, elapsed: Duration) -> Bool {
        let done = jobsDone &- self.jobsDone
        self.jobsDone = jobsDone
        guard waiting > 0 else { return false }
        return done == 0 || elapsed * waiting > Self.patience * Int(clamping: done)
    }
}
