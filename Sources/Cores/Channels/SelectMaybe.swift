/// Cases under an `if`.
public struct SelectMaybe<Cases: SelectCases & ~Copyable>: SelectCases, ~Copyable {
    public typealias Output = Cases.Output

    @usableFromInline var cases: Cases?

    @inlinable
    init(_ cases: consuming Cases?) {
        self.cases = cases
    }

    @inlinable
    public var count: Int {
        switch cases {
        case .some(let cases): cases.count
        case .none: 0
        }
    }

    @inlinable
    public var fallback: Int {
        switch cases {
        case .some(let cases): cases.fallback
        case .none: -1
        }
    }

    @inlinable
    public var timeout: Int {
        switch cases {
        case .some(let cases): cases.timeout
        case .none: -1
        }
    }

    @inlinable
    public func lowestChannel(above floor: UInt) -> UInt {
        switch cases {
        case .some(let cases): cases.lowestChannel(above: floor)
        case .none: .max
        }
    }

    @inlinable
    public func lock(_ channel: UInt) -> Bool {
        switch cases {
        case .some(let cases): cases.lock(channel)
        case .none: false
        }
    }

    @inlinable
    public func unlock(_ channel: UInt) -> Bool {
        switch cases {
        case .some(let cases): cases.unlock(channel)
        case .none: false
        }
    }

    @inlinable
    public var readyCount: Int {
        switch cases {
        case .some(let cases): cases.readyCount
        case .none: 0
        }
    }

    @inlinable
    public mutating func perform(_ skip: inout Int, first: Int) -> SelectAction? {
        cases?.perform(&skip, first: first)
    }

    @inlinable
    public mutating func park(_ ticket: SelectTicket, first: Int) {
        cases?.park(ticket, first: first)
    }

    @inlinable
    public mutating func leave(_ won: Int, _ ticket: SelectTicket) {
        cases?.leave(won, ticket)
    }

    @inlinable
    public func startTimer(_ ticket: SelectTicket) -> (@Sendable () -> Void)? {
        switch cases {
        case .some(let cases): cases.startTimer(ticket)
        case .none: nil
        }
    }

    @inlinable
    public mutating func runAtOnce(_ index: Int) throws -> Cases.Output? {
        try cases!.runAtOnce(index)
    }

    @inlinable
    public mutating func run(_ index: Int) async throws -> Cases.Output {
        try await cases!.run(index)
    }
}
