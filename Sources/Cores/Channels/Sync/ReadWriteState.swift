/// Who holds a `ReadWriteLock`, and who waits for it.
///
/// Somebody waits only while a writer holds the lock, or a writer stands at the head of the line: so a reader may go in at
/// once exactly when nobody writes and nobody waits, and neither side starves the other.
struct ReadWriteState<Waiter> {
    enum Access { case read, write }

    private(set) var readers = 0
    private(set) var isWriting = false
    private var line = WaitLine<(access: Access, waiter: Waiter)>()

    var waiting: Int { line.count }

    mutating func tryLock(_ access: Access) -> Bool {
        guard line.isEmpty, isFree(for: access) else { return false }
        take(access)
        return true
    }

    /// nil when the lock is taken at once.
    mutating func lock(_ access: Access, _ waiter: Waiter) -> Ticket? {
        tryLock(access) ? nil : line.join((access, waiter))
    }

    /// Those who hold the lock now: a writer, or all readers up to the next writer.
    mutating func unlock(_ access: Access) -> [Waiter] {
        switch access {
        case .read: readers -= 1
        case .write: isWriting = false
        }
        return serve()
    }

    /// Readers may have stood behind a writer who leaves.
    mutating func cancel(_ ticket: Ticket) -> (leaver: Waiter?, granted: [Waiter]) {
        guard let leaver = line.leave(ticket) else { return (nil, []) }
        return (leaver.waiter, serve())
    }

    private mutating func serve() -> [Waiter] {
        var granted: [Waiter] = []
        while let next = line.first, isFree(for: next.access) {
            take(next.access)
            granted.append(next.waiter)
            _ = line.popFirst()
        }
        return granted
    }

    private func isFree(for access: Access) -> Bool {
        !isWriting && (access == .read || readers == 0)
    }

    private mutating func take(_ access: Access) {
        switch access {
        case .read: readers += 1
        case .write: isWriting = true
        }
    }
}
