import ApusPrimitives

/// The case of `select` without a channel: what happens when no other can. Made by `otherwise` and `timeout`.
public struct SelectOtherwise<Output>: SelectCases, ~Copyable {
    @usableFromInline let handler: () async throws -> Output

    @inlinable
    init(_ handler: @escaping () async throws -> Output) {
        self.handler = handler
    }

    @inlinable
    public var count: Int { 1 }

    @inlinable
    public var fallback: Int { 0 }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Output? { nil }

    @inlinable
    public mutating func run(_ index: Int) async throws -> Output {
        try await handler()
    }
}

/// The case of `select` that happens when no other did in time; made by `timeout`.
public struct SelectTimeout<Output>: SelectCases, ~Copyable {
    private let duration: Duration
    private let time: TimeSource
    @usableFromInline let handler: () async throws -> Output

    @usableFromInline
    init(_ duration: Duration, _ time: TimeSource, _ handler: @escaping () async throws -> Output) {
        self.duration = duration
        self.time = time
        self.handler = handler
    }

    @inlinable
    public var count: Int { 1 }

    @inlinable
    public var timeout: Int { 0 }

    public func startTimer(_ ticket: SelectTicket) -> (@Sendable () -> Void)? {
        time.alarm(at: time.now() + duration) { ticket.expire() }
    }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Output? { nil }

    @inlinable
    public mutating func run(_ index: Int) async throws -> Output {
        try await handler()
    }
}

/// `select {}`, which waits until its task is cancelled.
public struct SelectNothing: SelectCases, ~Copyable {
    @inlinable
    init() {}

    @inlinable
    public var count: Int { 0 }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Void? { nil }

    @inlinable
    public mutating func run(_ index: Int) async throws {
        throw CancellationError()
    }
}

extension SelectCases where Self: ~Copyable {
    @inlinable
    public func lowestChannel(above floor: UInt) -> UInt { .max }

    @inlinable
    public func lock(_ channel: UInt) -> Bool { false }

    @inlinable
    public func unlock(_ channel: UInt) -> Bool { false }

    @inlinable
    public var readyCount: Int { 0 }

    @inlinable
    public mutating func perform(_ skip: inout Int, first: Int) -> SelectAction? { nil }

    @inlinable
    public mutating func park(_ ticket: SelectTicket, first: Int) {}

    @inlinable
    public mutating func leave(_ won: Int, _ ticket: SelectTicket) {}
}

/// The case of `select` for when no channel is ready (Go's `default`): with it a `select` never waits. At most one.
@inlinable
public func otherwise<Output>(_ handler: @escaping () async throws -> Output) -> SelectOtherwise<Output> {
    SelectOtherwise(handler)
}

/// The case of `select` for when nothing has happened for `duration` (Go's `case <-time.After(d)`). At most one.
///
/// - Parameter duration: 0 or less when it should happen as soon as no other is ready.
@inlinable
public func timeout<Output>(
    _ duration: Duration, time: TimeSource = .continuous, _ handler: @escaping () async throws -> Output
) -> SelectTimeout<Output> {
    SelectTimeout(duration, time, handler)
}
