public import Synchronization

/// What a waiting `select` leaves at its channels: the first of them to claim it wins. Nothing in it is for callers.
// Safe: `winner` decides who may touch the rest: before it is parked the select, then whoever claimed it, once.
public final class SelectTicket: @unchecked Sendable {
    /// What `winner` is, apart from the number of a case.
    @usableFromInline
    enum Mark {
        /// To `parked`; to `expired` or `cancelled` when that comes before it waits.
        @usableFromInline static var open: Int { -1 }
        /// To the number of a case, `expired` or `cancelled`.
        @usableFromInline static var parked: Int { -2 }
        /// The timeout came first. Stays so.
        @usableFromInline static var expired: Int { -3 }
        /// The task was cancelled first. Stays so.
        @usableFromInline static var cancelled: Int { -4 }
    }

    @usableFromInline let winner = Atomic<Int>(Mark.open)
    @usableFromInline var continuation: UnsafeContinuation<ChannelWake, Never>?
    @usableFromInline var wake = ChannelWake.done

    @inlinable
    init() {}

    /// The number of the case that has won, or a mark.
    @inlinable
    var outcome: Int { winner.load(ordering: .acquiring) }

    /// A channel wins this select for the case `index`, unless something else has won before.
    @inlinable
    func claim(_ index: Int) -> Bool {
        winner.compareExchange(expected: Mark.parked, desired: index, ordering: .acquiringAndReleasing).exchanged
    }

    /// By whoever won.
    @inlinable
    func resume(_ wake: ChannelWake) {
        self.wake = wake
        continuation.unsafelyUnwrapped.resume(returning: wake)
    }

    /// From now on it can be won.
    ///
    /// - Returns: false when it has expired or been cancelled before.
    @inlinable
    func park() -> Bool {
        winner.compareExchange(expected: Mark.open, desired: Mark.parked, ordering: .acquiringAndReleasing).exchanged
    }

    @usableFromInline
    func expire() {
        end(Mark.expired)
    }

    @usableFromInline
    func cancel() {
        end(Mark.cancelled)
    }

    private func end(_ mark: Int) {
        if winner.compareExchange(expected: Mark.open, desired: mark, ordering: .acquiringAndReleasing).exchanged {
            return
        }
        if claim(mark) { resume(.cancelled) }
    }
}
