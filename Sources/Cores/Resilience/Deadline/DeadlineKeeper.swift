import Synchronization

/// One body that is cancelled when its deadline passes.
///
/// `Deadline.current` reaches tasks that this cancellation does not (a `Task` started inside), so whoever would rely on it
/// asks whether it runs in the very task of the body.
@usableFromInline
final class DeadlineKeeper: Sendable {
    /// The address of the body's task; zero before it has begun and after it has ended.
    private let task = Atomic(0)
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

    /// To be called when the body has ended, before another task can have the address of its own.
    @usableFromInline
    func end() {
        task.store(0, ordering: .releasing)
    }

    /// Whether the current task is the body's.
    var isCurrentTask: Bool {
        let address = withUnsafeCurrentTask { Self.address($0) }
        return address != 0 && address == task.load(ordering: .acquiring)
    }

    /// Zero for none. A task's own hash is one for dictionaries, and costs as much as everything else here.
    private static func address(_ task: UnsafeCurrentTask?) -> Int {
        unsafeBitCast(task, to: Int.self)
    }
}
