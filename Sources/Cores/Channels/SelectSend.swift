public import ApusPrimitives

/// A case of `select` that sends; made by `send(_:to:)`.
public struct SelectSend<Element: ~Copyable, Output>: SelectCases, ~Copyable {
    @usableFromInline let channel: Channel<Element>?
    @usableFromInline let handler: SelectHandler<Void, Output>
    @usableFromInline var place: ChannelPlace<Element>?
    @usableFromInline var parcel: ChannelParcel<Element>?
    @usableFromInline var closed: ChannelClosed?

    @inlinable
    init(
        _ element: consuming sending Element, _ channel: Channel<Element>?,
        _ handler: SelectHandler<Void, Output>
    ) {
        self.channel = channel
        self.handler = handler
        parcel = ChannelParcel(element)
    }

    @inlinable
    public var count: Int { 1 }

    @inlinable
    public func lowestChannel(above floor: UInt) -> UInt {
        channel.lowestAddress(above: floor)
    }

    @inlinable
    public func lock(_ address: UInt) -> Bool {
        channel.lock(ifAt: address)
    }

    @inlinable
    public func unlock(_ address: UInt) -> Bool {
        channel.unlock(ifAt: address)
    }

    @inlinable
    public var readyCount: Int {
        guard let channel else { return 0 }
        return channel.state.maySend ? 1 : 0
    }

    @inlinable
    public mutating func perform(_ skip: inout Int, first: Int) -> SelectAction? {
        guard let channel, channel.state.maySend else { return nil }
        if skip > 0 {
            skip -= 1
            return nil
        }
        skip = -1
        switch channel.state.send(&parcel) {
        case .buffered:
            return SelectAction(index: first, waiter: nil)
        case .handed(let receiver):
            return SelectAction(index: first, waiter: receiver)
        case .closed:
            closed = ChannelClosed(cause: channel.state.cause)
            return SelectAction(index: first, waiter: nil)
        case .full:
            return nil
        }
    }

    @inlinable
    public mutating func park(_ ticket: SelectTicket, first: Int) {
        guard let channel else { return }
        let node = channel.state.reserve()
        node.pointee.parcel = parcel.take()
        channel.state.parkSender(node, .select(.passUnretained(ticket), first))
        place = ChannelPlace(node)
    }

    @inlinable
    public mutating func leave(_ won: Int, _ ticket: SelectTicket) {
        guard let channel, let node = place?.node else { return }
        channel.lock.lock()
        _ = channel.state.withdrawSender(node)
        parcel = channel.state.release(node)
        if won == 0, ticket.wake == .closed { closed = ChannelClosed(cause: channel.state.cause) }
        channel.lock.unlock()
    }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Output? {
        if let closed { throw closed }
        guard case .atOnce(let handler) = handler else { return nil }
        return try handler(())
    }

    @inlinable
    public mutating func run(_ index: Int) async throws -> Output {
        switch handler {
        case .atOnce(let handler): try handler(())
        case .waiting(let handler): try await handler(())
        }
    }
}

/// A case of `select`: sends `element`, if this case is the one that happens; otherwise the element is destroyed.
/// When it is chosen and the channel is closed, the `select` throws `ChannelClosed`.
///
/// - Parameter channel: nil is a channel that nobody ever receives from, as in Go.
@inlinable
public func send<Element: ~Copyable, Output>(
    _ element: consuming sending Element, to channel: Channel<Element>?, _ handler: @escaping () throws -> Output
) -> SelectSend<Element, Output> {
    SelectSend(element, channel, .atOnce { _ in try handler() })
}

/// A case of `select` with a handler that waits; see above.
@inlinable
public func send<Element: ~Copyable, Output>(
    _ element: consuming sending Element, to channel: Channel<Element>?, _ handler: @escaping () async throws -> Output
) -> SelectSend<Element, Output> {
    SelectSend(element, channel, .waiting { _ in try await handler() })
}

/// A case of `select`: sends `element`, if this case is the one that happens; see above.
@inlinable
public func send<Element: ~Copyable, Output>(
    _ element: consuming sending Element, to channel: SendChannel<Element>?, _ handler: @escaping () throws -> Output
) -> SelectSend<Element, Output> {
    SelectSend(element, channel?.channel, .atOnce { _ in try handler() })
}

/// A case of `select` with a handler that waits; see above.
@inlinable
public func send<Element: ~Copyable, Output>(
    _ element: consuming sending Element, to channel: SendChannel<Element>?,
    _ handler: @escaping () async throws -> Output
) -> SelectSend<Element, Output> {
    SelectSend(element, channel?.channel, .waiting { _ in try await handler() })
}
