/// The cases of a `select`, numbered from 0. Made by `receive(from:)`, `send(_:to:)`, `otherwise`, `timeout` and the
/// result builder; it has no requirement that a caller would use.
public protocol SelectCases<Output>: ~Copyable {
    /// What the handlers return.
    associatedtype Output

    /// How many numbers they take.
    var count: Int { get }
    /// The number of `otherwise`, -1 without one.
    var fallback: Int { get }
    /// The number of `timeout`, -1 without one.
    var timeout: Int { get }

    /// Channels are locked together in the order of their addresses, so that two selects never wait for each other.
    ///
    /// - Returns: the lowest address of a channel above `floor`; `UInt.max` when there is none.
    func lowestChannel(above floor: UInt) -> UInt
    /// - Returns: whether one of the cases has that channel.
    func lock(_ channel: UInt) -> Bool
    func unlock(_ channel: UInt) -> Bool

    /// How many cases look ready. Every channel is locked, here and in `perform` and `park`.
    var readyCount: Int { get }
    /// Performs the one with the number `skip` among those that look ready.
    ///
    /// - Returns: nil when `skip`, which was lowered, lies behind these cases, or the other side was lost to another select.
    mutating func perform(_ skip: inout Int, first: Int) -> SelectAction?
    /// Waits at every channel. The numbers of these cases start at `first`.
    mutating func park(_ ticket: SelectTicket, first: Int)
    /// Leaves every channel; `won` is the number of the case that happened, by `ticket`.
    mutating func leave(_ won: Int, _ ticket: SelectTicket)

    /// - Returns: cancels it.
    func startTimer(_ ticket: SelectTicket) -> (@Sendable () -> Void)?
    /// Runs the handler of the case `index`, if it does not wait for anything.
    ///
    /// - Returns: nil when it may; then `run` does it.
    mutating func runAtOnce(_ index: Int) throws -> Output?
    /// Runs the handler of the case `index`, after `runAtOnce` has answered nil.
    mutating func run(_ index: Int) async throws -> Output
}

/// A case that has happened. Nothing in it is for callers.
public struct SelectAction {
    @usableFromInline let index: Int
    /// The other side, to wake after the locks are released.
    @usableFromInline let waiter: ChannelWaiter?

    @inlinable
    init(index: Int, waiter: ChannelWaiter?) {
        self.index = index
        self.waiter = waiter
    }
}

extension SelectCases where Self: ~Copyable {
    @inlinable
    public var fallback: Int { -1 }

    @inlinable
    public var timeout: Int { -1 }

    @inlinable
    public func startTimer(_ ticket: SelectTicket) -> (@Sendable () -> Void)? { nil }

    /// An async call ends with a hop to the caller's executor, at every level of the pairs: a handler that does not wait
    /// need not pay for it.
    @inlinable
    mutating func runFully(_ index: Int) async throws -> Output {
        if let output = try runAtOnce(index) { return output }
        return try await run(index)
    }

    @inlinable
    func lockAll() {
        var channel = lowestChannel(above: 0)
        while channel != .max {
            _ = lock(channel)
            channel = lowestChannel(above: channel)
        }
    }

    @inlinable
    func unlockAll() {
        var channel = lowestChannel(above: 0)
        while channel != .max {
            _ = unlock(channel)
            channel = lowestChannel(above: channel)
        }
    }

    /// Performs one of those that are ready, each with the same chance.
    @inlinable
    mutating func performAny() -> SelectAction? {
        while true {
            let ready = readyCount
            if ready == 0 { return nil }
            var skip = ready == 1 ? 0 : selectDice(ready)
            if let action = perform(&skip, first: 0) { return action }
        }
    }
}

/// What a case does when it has happened.
@usableFromInline
enum SelectHandler<Input: ~Copyable, Output> {
    case atOnce((consuming sending Input) throws -> Output)
    case waiting((consuming sending Input) async throws -> Output)
}
