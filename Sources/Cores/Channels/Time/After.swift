public import ApusPrimitives

/// A channel on which one element comes when `duration` has passed, the moment at which it was sent, and then the end:
/// Go's `time.After`.
///
/// For one `select` its own timeout is cheaper; this is for a limit on several.
public func after(_ duration: Duration, time: TimeSource = .continuous) -> Channel<MonotonicTime>.Receiver {
    let channel = Channel<MonotonicTime>(capacity: 1)
    _ = time.alarm(at: time.now() + duration) { [weak channel] in
        _ = channel?.trySend(time.now())
        channel?.close()
    }
    return channel.receiver
}
