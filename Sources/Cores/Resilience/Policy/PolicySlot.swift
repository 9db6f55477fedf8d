/// A part that can be switched off and on while calls are under way: leave that one gave is of no use to the next.
struct PolicySlot<Part: Sendable>: Sendable {
    private(set) var generation: UInt32 = 0
    var part: Part?

    init(_ part: Part?) {
        self.part = part
    }

    /// Leave that the present part gave.
    func leave<Permit>(_ permit: Permit) -> PolicyLeave<Permit> {
        PolicyLeave(permit: permit, generation: generation)
    }

    func gave<Permit>(_ leave: PolicyLeave<Permit>) -> Bool {
        leave.generation == generation
    }

    /// Changes the part in place: taken out meanwhile, so that nothing it owns is copied.
    mutating func change<Result>(_ body: (inout Part) -> Result) -> Result? {
        guard var taken = part.take() else { return nil }
        defer { part = taken }
        return body(&taken)
    }

    mutating func replace(with part: Part?) {
        self.part = part
        generation &+= 1
    }
}

struct PolicyLeave<Permit: Sendable>: Sendable {
    let permit: Permit
    let generation: UInt32
}
