import ApusKV
import ApusPrimitives

/// Leases that commands granted and ended, from the machine to whoever keeps time: not part of the replicated state.
///
/// It is emptied after every batch of commands, so it holds no more than one batch.
final class LeaseNotices: Sendable {
    enum Notice: Sendable {
        case granted(LeaseID, ttlSeconds: Int64)
        case ended(LeaseID)
    }

    private let notices = Locked<[Notice]>([])

    func add(_ notice: Notice) {
        notices.withLock { $0.append(notice) }
    }

    func take() -> [Notice] {
        notices.withLock { notices in
            defer { if !notices.isEmpty { notices = [] } }
            return notices
        }
    }
}
