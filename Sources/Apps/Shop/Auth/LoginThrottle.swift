import ApusPrimitives

/// Slows down the guessing of one account's password: after a few failures each further one doubles the pause.
///
/// An attempt counts as failed from its beginning, so that many at once get no more guesses than many in turn. A pure
/// value: the caller passes the time.
struct LoginThrottle: Sendable {
    struct Limits: Hashable, Sendable {
        /// Failures without a pause.
        var freeFailures = 5
        /// The pause after one failure more; it doubles from there.
        var firstPause = Duration.seconds(1)
        var maxPause = Duration.seconds(300)
        /// Failures are forgotten when there has been none for this long.
        var memory = Duration.seconds(900)
    }

    /// The most accounts that are remembered; beyond it the one that failed longest ago is forgotten.
    static let maxAccounts = 10_000

    private struct Record {
        var failures: Int
        var lastFailure: MonotonicTime
        var blockedUntil: MonotonicTime
        var order: UInt64
    }

    private var records: [String: Record] = [:]
    /// Accounts by their last failure. Entries that a later failure has made stale are skipped.
    private var queue: [(order: UInt64, account: String)] = []
    private var nextOrder: UInt64 = 0

    var accountCount: Int { records.count }

    /// Begins an attempt, or answers for how long none may begin.
    mutating func begin(_ account: String, limits: Limits, at now: MonotonicTime) -> Duration? {
        var record = records[account] ?? Record(failures: 0, lastFailure: now, blockedUntil: .zero, order: 0)
        if now - record.lastFailure >= limits.memory { record.failures = 0 }
        if record.failures > 0, now < record.blockedUntil { return record.blockedUntil - now }
        record.failures += 1
        record.lastFailure = now
        record.blockedUntil = now + Self.pause(after: record.failures, limits: limits)
        nextOrder += 1
        record.order = nextOrder
        records[account] = record
        queue.append((nextOrder, account))
        trim()
        return nil
    }

    /// The attempt succeeded: the account begins anew.
    mutating func succeed(_ account: String) {
        records[account] = nil
    }

    /// The attempt could not be decided, so it counts for nothing.
    mutating func abandon(_ account: String, limits: Limits) {
        guard var record = records[account] else { return }
        record.failures -= 1
        guard record.failures > 0 else {
            records[account] = nil
            return
        }
        record.blockedUntil = record.lastFailure + Self.pause(after: record.failures, limits: limits)
        records[account] = record
    }

    private static func pause(after failures: Int, limits: Limits) -> Duration {
        let excess = failures - limits.freeFailures
        guard excess >= 0 else { return .zero }
        let doublings = min(excess, 30)
        return min(limits.maxPause, limits.firstPause * (1 << doublings))
    }

    private mutating func trim() {
        if queue.count > 2 * Self.maxAccounts {
            queue.removeAll { records[$0.account]?.order != $0.order }
        }
        while records.count > Self.maxAccounts, let oldest = queue.first {
            queue.removeFirst()
            if records[oldest.account]?.order == oldest.order { records[oldest.account] = nil }
        }
    }
}
