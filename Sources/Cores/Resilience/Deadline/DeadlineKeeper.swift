import Synchronization

/// One body that is cancelled when its deadline passes.
///
/// `Deadline.current` reaches tasks that this cancellation does not (a `Task` started inside), so whoever would rely on it
/// asks whether it runs in the very task of the body.
final class DeadlineKeeper: Sendable {
    private let task = Atomic(0)
    private let hasEnded = Atomic(false)

    /// To be called first in the body's task.
    func begin() {
        task.store(Self.currentTask, ordering: .relaxed)
    }

    /// To be called last in the body's task.
    func end() {
        hasEnded.store(true, ordering: .relaxed)
    }

    /// For the thread on which the body began: whether it never waited. Elsewhere only a hint.
    var isOver: Bool { hasEnded.load(ordering: .relaxed) }

    /// Whether the current task is the body's. While the body runs, no other task has its address.
    var isCurrentTask: Bool {
        !isOver && task.load(ordering: .relaxed) == Self.currentTask
    }

    private static var currentTask: Int { withUnsafeCurrentTask { $0?.hashValue ?? 0 } }
}
