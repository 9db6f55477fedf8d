/// Which of an executor's threads work, which sleep, and which of the sleepers keeps watch: decisions without threads.
///
/// While some work and some sleep, one of the sleepers may be the watcher: it looks up now and then, whether somebody's work
/// waits for too long. A thread that begins to work asks for a watcher when it makes work that could be taken over
/// (`needWatcher`), so that a single job on an idle executor costs a single wake.
struct ExecutorRoster {
    enum Role: Equatable {
        /// To `sleeping` or `watching` when it finds no more work.
        case working
        /// To `working` when it is woken or finds work, to `watching` when somebody needs a watcher.
        case sleeping
        /// To `working` as above, to `sleeping` when nobody works any more.
        case watching
    }

    private(set) var roles: [Role]
    /// The last to fall asleep wakes first: its caches are warm.
    private var sleepers: [Int] = []
    private var watcher: Int?

    init(threads: Int) {
        roles = Array(repeating: .working, count: threads)
    }

    /// How many a wake could reach.
    var resting: Int { sleepers.count + (watcher == nil ? 0 : 1) }

    private var working: Int { roles.count - resting }

    /// A working thread found nothing to do.
    mutating func rest(_ thread: Int) -> Role {
        roles[thread] = .sleeping
        if working > 0, watcher == nil {
            watcher = thread
            roles[thread] = .watching
        } else {
            sleepers.append(thread)
        }
        return roles[thread]
    }

    /// The watcher found nothing to take over.
    mutating func keepWatch(_ thread: Int) -> Role {
        if watcher == thread, working == 0 {
            watcher = nil
            sleepers.append(thread)
            roles[thread] = .sleeping
        }
        return roles[thread]
    }

    /// There is work for one more.
    ///
    /// - Returns: whom to wake; it works from now on.
    mutating func wake() -> Int? {
        guard let thread = sleepers.popLast() ?? watcher else { return nil }
        if watcher == thread { watcher = nil }
        roles[thread] = .working
        return thread
    }

    /// A resting thread found work by itself.
    ///
    /// - Returns: whom to wake so that it keeps watch.
    mutating func work(_ thread: Int) -> Int? {
        guard roles[thread] != .working else { return nil }
        sleepers.removeAll { $0 == thread }
        if watcher == thread { watcher = nil }
        roles[thread] = .working
        return needWatcher()
    }

    /// A working thread has made work that another could take over.
    ///
    /// - Returns: whom to wake so that it keeps watch.
    mutating func needWatcher() -> Int? {
        guard watcher == nil, let thread = sleepers.popLast() else { return nil }
        watcher = thread
        roles[thread] = .watching
        return thread
    }
}
