public import ApusPrimitives

extension Channel where Element: ~Copyable {
    /// Sends `element`, and waits while the channel is full (with a capacity of 0: until a receiver takes it).
    ///
    /// - Throws: `ChannelClosed` when the channel is closed, before or meanwhile; `CancellationError` when the task is
    ///   cancelled while it waits. In both cases nothing was sent, and the element is destroyed.
    @inlinable
    public func send(_ element: consuming sending Element) async throws {
        var parcel = ChannelParcel?(ChannelParcel(element))
        lock.lock()
        switch state.send(&parcel) {
        case .buffered:
            lock.unlock()
        case .handed(let receiver):
            lock.unlock()
            receiver.resume(.done)
        case .closed:
            lock.unlock()
            throw closedError()
        case .full:
            let place = ChannelPlace(state.reserve())
            place.node.pointee.parcel = parcel.take()
            lock.unlock()
            try await waitToSend(place)
        }
    }

    /// Sends `element` if that is possible without waiting; it comes back if not.
    @inlinable
    public func trySend(_ element: consuming sending Element) -> sending SendAttempt<Element> {
        var parcel = ChannelParcel?(ChannelParcel(element))
        lock.lock()
        let action = state.send(&parcel)
        lock.unlock()
        switch action {
        case .buffered:
            return .sent
        case .handed(let receiver):
            receiver.resume(.done)
            return .sent
        case .closed:
            return .closed(parcel.take()!.open())
        case .full:
            return .full(parcel.take()!.open())
        }
    }

    @inlinable
    func closedError() -> ChannelClosed {
        lock.lock()
        defer { lock.unlock() }
        return ChannelClosed(cause: state.cause)
    }

    @inlinable
    func waitToSend(_ place: ChannelPlace<Element>) async throws {
        let wake = await suspendCancellably {
            self.lock.lock()
            let waiter = self.state.withdrawSender(place.node)
            self.lock.unlock()
            waiter?.resume(.cancelled)
        } _: {
            self.parkSender(place, $0)
        }
        lock.lock()
        let unsent = state.release(place.node)
        let cause = state.cause
        lock.unlock()
        _ = consume unsent
        switch wake {
        case .done: return
        case .closed: throw ChannelClosed(cause: cause)
        case .cancelled: throw CancellationError()
        }
    }

    /// Waits, unless the channel has changed since, or the task was cancelled: a cancellation sets its mark before it
    /// runs its handler, so either the mark is seen here or the handler finds the node.
    @inlinable
    func parkSender(_ place: ChannelPlace<Element>, _ continuation: UnsafeContinuation<ChannelWake, Never>) {
        let node = place.node
        lock.lock()
        if Task.isCancelled {
            lock.unlock()
            return continuation.resume(returning: .cancelled)
        }
        switch state.send(&node.pointee.parcel) {
        case .buffered:
            lock.unlock()
            continuation.resume(returning: .done)
        case .handed(let receiver):
            lock.unlock()
            receiver.resume(.done)
            continuation.resume(returning: .done)
        case .closed:
            lock.unlock()
            continuation.resume(returning: .closed)
        case .full:
            state.parkSender(node, .task(continuation))
            lock.unlock()
        }
    }
}
