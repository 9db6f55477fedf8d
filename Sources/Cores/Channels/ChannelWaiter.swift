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
enum ChannelWaiter: ChannelWaiting, Sendable {
    /// In one operation on this channel alone.
    case task(UnsafeContinuation<ChannelWake, Never>)

    @inlinable
    func claim() -> Bool {
        switch self {
        case .task: true
        }
    }

    @inlinable
    func resume(_ wake: ChannelWake) {
        switch self {
        case .task(let continuation): continuation.resume(returning: wake)
        }
    }
}
