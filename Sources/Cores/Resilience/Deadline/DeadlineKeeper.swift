import Synchronization

/// One body that is cancelled when its deadline passes.
///
/// `Deadline.current` reaches tasks that this cancellation does not (a `Task` started inside), so whoever would rely on it
/// asks whether it runs in the very task of the body.
// Safe: what it has itself are atomics and a constant.
@usableFromInline
class DeadlineKeeper: @unchecked Sendable {
    private let task = Atomic(0)
    private let hasEnded = Atomic(false)
    private let wasCancelled: Bool

    /// To be made in the task of the caller.
    @usableFromInline
    init() {
        wasCancelled = Task.isCancelled
    }

    /// To be called first in the body's task, which is cancelled if its caller's was.
    @usableFromInline
    func begin() {
        withUnsafeCurrentTask { task in
            if wasCancelled { task?.cancel() }
            self.task.store(Self.address(task), ordering: .relaxed)
        }
    }

    /// To be called last in the body's task.
    @usableFromInline
    func end() {
        hasEnded.store(true, ordering: .releasing)
    }

    /// Whether the body has ended; for the thread on which it began, whether it never waited.
    @usableFromInline
    var isOver: Bool { hasEnded.load(ordering: .acquiring) }

    /// Whether the current task is the body's. While the body runs, no other task has its address.
    var isCurrentTask: Bool {
        !isOver && task.load(ordering: .relaxed) == withUnsafeCurrentTask { Self.address($0) }
    }

    /// A task's own hash is one for dictionaries, and costs as much as everything else here.
    private static func address(_ task: UnsafeCurrentTask?) -> Int {
        task.map { unsafeBitCast($0, to: Int.self) } ?? 0
    }
}

/// The same, and what the body returned.
// Safe: `value` is written before `end`, and read after it.
@usableFromInline
final class DeadlineAnswer<Value: Sendable>: DeadlineKeeper, @unchecked Sendable {
    @usableFromInline var value: Value?

    @usableFromInline
    override init() {}

    /// Nil as long as the body has not ended, and when it threw.
    @inlinable
    var answer: Value? { isOver ? value : nil }
}
