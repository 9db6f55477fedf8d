public import ApusPrimitives

extension Channel where Element: ~Copyable {
    /// Sends `element`, and waits while the channel is full (with a capacity of 0: until a receiver takes it).
    ///
    /// - Throws: `ChannelClosed` when the channel is closed, before or meanwhile; `CancellationError` when the task is
    ///   cancelled while it waits. In both cases nothing was sent, and the element is destroyed.
    @inlinable
    public func send(_ element: consuming sending Element) async throws {
        lock.lock()
        switch state.send(ChannelParcel(element)) {
        case .buffered:
            lock.unlock()
        case .handed(let receiver):
            lock.unlock()
            receiver.resume(.done)
        case .closed:
            lock.unlock()
            throw closedError()
        case .full(let parcel):
            let node = state.reserve()
            node.pointee.parcel = consume parcel
            lock.unlock()
            try await waitToSend(ChannelPlace(node))
        }
    }

    /// Sends `element` if that is possible without waiting; it comes back if not.
    @inlinable
    public func trySend(_ element: consuming sending Element) -> sending SendAttempt<Element> {
        lock.lock()
        switch state.send(ChannelParcel(element)) {
        case .buffered:
            lock.unlock()
            return .sent
        case .handed(let receiver):
            lock.unlock()
            receiver.resume(.done)
            return .sent
        case .closed(let parcel):
            lock.unlock()
            return .closed(parcel.open())
        case .full(let parcel):
            lock.unlock()
            return .full(parcel.open())
        }
    }

    @inlinable
    func closedError() -> ChannelClosed {
        lock.lock()
        defer { lock.unlock() }
        return ChannelClosed(cause: state.cause)
    }

    @usableFromInline
    func waitToSend(_ place: ChannelPlace<Element>) async throws {
        let wake = await withTaskCancellationHandler {
            await withUnsafeContinuation { self.parkSender(place, $0) }
        } onCancel: {
            self.lock.lock()
            let waiter = self.state.withdrawSender(place.node)
            self.lock.unlock()
            waiter?.resume(.cancelled)
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
    @usableFromInline
    func parkSender(_ place: ChannelPlace<Element>, _ continuation: UnsafeContinuation<ChannelWake, Never>) {
        let node = place.node
        lock.lock()
        if Task.isCancelled {
            lock.unlock()
            return continuation.resume(returning: .cancelled)
        }
        switch state.send(node.pointee.parcel.take()!) {
        case .buffered:
            lock.unlock()
            continuation.resume(returning: .done)
        case .handed(let receiver):
            lock.unlock()
            receiver.resume(.done)
            continuation.resume(returning: .done)
        case .closed(let parcel):
            node.pointee.parcel = consume parcel
            lock.unlock()
            continuation.resume(returning: .closed)
        case .full(let parcel):
            node.pointee.parcel = consume parcel
            state.parkSender(node, .task(continuation))
            lock.unlock()
        }
    }
}
