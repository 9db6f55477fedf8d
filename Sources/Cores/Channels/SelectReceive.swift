public import ApusPrimitives

/// A case of `select` that receives; made by `receive(from:)`.
public struct SelectReceive<Element: ~Copyable, Output>: SelectCases, ~Copyable {
    @usableFromInline let channel: Channel<Element>?
    @usableFromInline let handler: SelectHandler<Element?, Output>
    @usableFromInline var place: ChannelPlace<Element>?
    @usableFromInline var parcel: ChannelParcel<Element>?
    @usableFromInline var cause: (any Error)?

    @inlinable
    init(_ channel: Channel<Element>?, _ handler: SelectHandler<Element?, Output>) {
        self.channel = channel
        self.handler = handler
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
        return channel.state.mayReceive ? 1 : 0
    }

    @inlinable
    public mutating func perform(_ skip: inout Int, first: Int) -> SelectAction? {
        guard let channel, channel.state.mayReceive else { return nil }
        if skip > 0 {
            skip -= 1
            return nil
        }
        skip = -1
        switch channel.state.receive(&parcel) {
        case .received:
            return SelectAction(index: first, waiter: nil)
        case .receivedFrom(let sender):
            return SelectAction(index: first, waiter: sender)
        case .closed:
            cause = channel.state.cause
            return SelectAction(index: first, waiter: nil)
        case .empty:
            return nil
        }
    }

    @inlinable
    public mutating func park(_ ticket: SelectTicket, first: Int) {
        guard let channel else { return }
        let node = channel.state.reserve()
        channel.state.parkReceiver(node, .select(.passUnretained(ticket), first))
        place = ChannelPlace(node)
    }

    @inlinable
    public mutating func leave(_ won: Int, _ ticket: SelectTicket) {
        guard let channel, let node = place?.node else { return }
        channel.lock.lock()
        _ = channel.state.withdrawReceiver(node)
        parcel = channel.state.release(node)
        if won == 0, ticket.wake == .closed { cause = channel.state.cause }
        channel.lock.unlock()
    }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Output? {
        if let cause { throw cause }
        guard case .atOnce(let handler) = handler else { return nil }
        return try handler(parcel.take()?.open())
    }

    @inlinable
    public mutating func run(_ index: Int) async throws -> Output {
        switch handler {
        case .atOnce(let handler): try handler(parcel.take()?.open())
        case .waiting(let handler): try await handler(parcel.take()?.open())
        }
    }
}

/// A case of `select`: the next element of `channel`, or nil once it is closed and drained. When the channel was closed
/// with an error, the `select` throws that instead.
///
/// - Parameter channel: nil is a channel on which nothing ever comes, as in Go.
@inlinable
public func receive<Element: ~Copyable, Output>(
    from channel: Channel<Element>?, _ handler: @escaping (consuming sending Element?) throws -> Output
) -> SelectReceive<Element, Output> {
    SelectReceive(channel, .atOnce(handler))
}

/// A case of `select` with a handler that waits; see above.
@inlinable
public func receive<Element: ~Copyable, Output>(
    from channel: Channel<Element>?, _ handler: @escaping (consuming sending Element?) async throws -> Output
) -> SelectReceive<Element, Output> {
    SelectReceive(channel, .waiting(handler))
}

/// A case of `select`: the next element of `channel`, or nil once it is closed and drained; see above.
@inlinable
public func receive<Element: ~Copyable, Output>(
    from channel: ReceiveChannel<Element>?, _ handler: @escaping (consuming sending Element?) throws -> Output
) -> SelectReceive<Element, Output> {
    SelectReceive(channel?.channel, .atOnce(handler))
}

/// A case of `select` with a handler that waits; see above.
@inlinable
public func receive<Element: ~Copyable, Output>(
    from channel: ReceiveChannel<Element>?, _ handler: @escaping (consuming sending Element?) async throws -> Output
) -> SelectReceive<Element, Output> {
    SelectReceive(channel?.channel, .waiting(handler))
}
