/// Why a waiting operation goes on.
@usableFromInline
enum ChannelWake: UInt8, Sendable {
    /// The element has changed hands.
    case done
    /// The channel was closed meanwhile.
    case closed
    /// The task was cancelled, and nothing has happened.
    case cancelled
}

/// A task that waits at a channel.
@usableFromInline
enum ChannelWaiter: ChannelWaiting {
    /// In one operation on this channel alone.
    case task(UnsafeContinuation<ChannelWake, Never>)
    /// In a `select`, for its case of this number. The ticket lives until the select has left every channel.
    case select(Unmanaged<SelectTicket>, Int)

    @inlinable
    func claim() -> Bool {
        switch self {
        case .task: true
        case .select(let ticket, let index): ticket._withUnsafeGuaranteedRef { $0.claim(index) }
        }
    }

    /// Outside the lock, by whoever has won the claim.
    @inlinable
    func resume(_ wake: ChannelWake) {
        switch self {
        case .task(let continuation): continuation.resume(returning: wake)
        case .select(let ticket, _): ticket._withUnsafeGuaranteedRef { $0.resume(wake) }
        }
    }
}
