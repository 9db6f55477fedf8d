public import ApusPrimitives

extension Channel where Element: ~Copyable {
    /// Receives the next element, and waits while there is none.
    ///
    /// - Returns: nil when the channel is closed and everything sent before has been received.
    /// - Throws: the error of `close(throwing:)`, in place of that nil; `CancellationError` when the task is cancelled
    ///   while it waits: then nothing was taken.
    @inlinable
    public func receive() async throws -> sending Element? {
        var parcel: ChannelParcel<Element>?
        lock.lock()
        switch state.receive(&parcel) {
        case .received:
            lock.unlock()
        case .receivedFrom(let sender):
            lock.unlock()
            sender.resume(.done)
        case .closed:
            let cause = state.cause
            lock.unlock()
            if let cause { throw cause }
        case .empty:
            let place = ChannelPlace(state.reserve())
            lock.unlock()
            parcel = try await waitToReceive(place)
        }
        return parcel.take()?.open()
    }

    /// Receives the next element if one is there, or a sender waits with one.
    @inlinable
    public func tryReceive() -> sending ReceiveAttempt<Element> {
        var parcel: ChannelParcel<Element>?
        lock.lock()
        let action = state.receive(&parcel)
        let cause = state.cause
        lock.unlock()
        switch action {
        case .received:
            break
        case .receivedFrom(let sender):
            sender.resume(.done)
        case .closed:
            return .closed(cause)
        case .empty:
            return .empty
        }
        return .received(parcel.take()!.open())
    }

    @inlinable
    func waitToReceive(_ place: ChannelPlace<Element>) async throws -> ChannelParcel<Element>? {
        let wake = await suspendCancellably {
            self.lock.lock()
            let waiter = self.state.withdrawReceiver(place.node)
            self.lock.unlock()
            waiter?.resume(.cancelled)
        } _: {
            self.parkReceiver(place, $0)
        }
        lock.lock()
        let parcel = state.release(place.node)
        let cause = state.cause
        lock.unlock()
        switch wake {
        case .done: return parcel
        case .closed:
            if let cause { throw cause }
            return nil
        case .cancelled: throw CancellationError()
        }
    }

    /// Waits, unless the channel has changed since, or the task was cancelled (see `parkSender`).
    @inlinable
    func parkReceiver(_ place: ChannelPlace<Element>, _ continuation: UnsafeContinuation<ChannelWake, Never>) {
        let node = place.node
        lock.lock()
        if Task.isCancelled {
            lock.unlock()
            return continuation.resume(returning: .cancelled)
        }
        switch state.receive(&node.pointee.parcel) {
        case .received:
            lock.unlock()
            continuation.resume(returning: .done)
        case .receivedFrom(let sender):
            lock.unlock()
            sender.resume(.done)
            continuation.resume(returning: .done)
        case .closed:
            lock.unlock()
            continuation.resume(returning: .closed)
        case .empty:
            state.parkReceiver(node, .task(continuation))
            lock.unlock()
        }
    }
}
