/// Cases, and the cases after them.
public struct SelectPair<First: SelectCases & ~Copyable, Last: SelectCases & ~Copyable>: SelectCases, ~Copyable
where First.Output == Last.Output {
    public typealias Output = First.Output

    @usableFromInline var first: First
    @usableFromInline var last: Last

    @inlinable
    init(_ first: consuming First, _ last: consuming Last) {
        self.first = first
        self.last = last
    }

    @inlinable
    public var count: Int { first.count + last.count }

    @inlinable
    public var fallback: Int {
        first.fallback >= 0 ? first.fallback : last.fallback >= 0 ? first.count + last.fallback : -1
    }

    @inlinable
    public var timeout: Int {
        first.timeout >= 0 ? first.timeout : last.timeout >= 0 ? first.count + last.timeout : -1
    }

    @inlinable
    public func lowestChannel(above floor: UInt) -> UInt {
        min(first.lowestChannel(above: floor), last.lowestChannel(above: floor))
    }

    @inlinable
    public func lock(_ channel: UInt) -> Bool {
        first.lock(channel) || last.lock(channel)
    }

    @inlinable
    public func unlock(_ channel: UInt) -> Bool {
        first.unlock(channel) || last.unlock(channel)
    }

    @inlinable
    public var readyCount: Int { first.readyCount + last.readyCount }

    @inlinable
    public mutating func perform(_ skip: inout Int, first number: Int) -> SelectAction? {
        if let action = first.perform(&skip, first: number) { return action }
        return skip < 0 ? nil : last.perform(&skip, first: number + first.count)
    }

    @inlinable
    public mutating func park(_ ticket: SelectTicket, first number: Int) {
        first.park(ticket, first: number)
        last.park(ticket, first: number + first.count)
    }

    @inlinable
    public mutating func leave(_ won: Int, _ ticket: SelectTicket) {
        first.leave(won, ticket)
        last.leave(won - first.count, ticket)
    }

    @inlinable
    public func startTimer(_ ticket: SelectTicket) -> (@Sendable () -> Void)? {
        first.startTimer(ticket) ?? last.startTimer(ticket)
    }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> First.Output? {
        let count = first.count
        return index < count ? try first.runAtOnce(index) : try last.runAtOnce(index - count)
    }

    @inlinable
    public mutating func run(_ index: Int) async throws -> First.Output {
        let count = first.count
        return index < count ? try await first.run(index) : try await last.run(index - count)
    }
}
