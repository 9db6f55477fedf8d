/// Which connection a call takes, and which connections there should be. Pure: states in, decisions out; endpoints are known
/// by their index in the list.
struct Balancer {
    /// The states of a connection (gRPC's `connectivity-semantics-and-api.md`).
    enum State: Hashable {
        /// Not connected, and nobody asked. To `connecting`.
        case idle
        /// To `ready`, or to `transientFailure`.
        case connecting
        /// To `idle` when the connection ends.
        case ready
        /// Waits out its backoff, then to `connecting`.
        case transientFailure
    }

    enum Pick: Hashable {
        case endpoint(Int)
        /// None is ready yet; ask again when a state changes.
        case wait
        /// All have failed: a call that fails fast should.
        case fail
    }

    let policy: GRPCBalancing
    private(set) var states: [State] = []
    private var cursor = 0
    /// The one that pick-first stays with while it is ready.
    private var chosen = 0

    init(policy: GRPCBalancing, count: Int) {
        self.policy = policy
        states = Array(repeating: .idle, count: count)
    }

    mutating func set(_ index: Int, _ state: State) {
        guard states.indices.contains(index) else { return }
        states[index] = state
    }

    mutating func pick() -> Pick {
        guard !states.isEmpty else { return .wait }
        switch policy {
        case .pickFirst:
            if states[chosen] != .ready { chosen = states.firstIndex(of: .ready) ?? chosen }
            if states[chosen] == .ready { return .endpoint(chosen) }
        case .roundRobin:
            for step in 0..<states.count {
                let index = (cursor + step) % states.count
                if states[index] == .ready {
                    cursor = (index + 1) % states.count
                    return .endpoint(index)
                }
            }
        }
        return states.allSatisfy { $0 == .transientFailure } ? .fail : .wait
    }

    /// The connections to open now, because a call wants one. With pick-first one at a time, the next when one has failed.
    func toConnect() -> [Int] {
        switch policy {
        case .roundRobin: return states.indices.filter { states[$0] == .idle }
        case .pickFirst:
            if states.contains(where: { $0 == .ready || $0 == .connecting }) { return [] }
            if let first = states.indices.first(where: { states[$0] == .idle }) { return [first] }
            return []
        }
    }

    /// The overall state that a person would be told.
    var overall: State {
        if states.contains(.ready) { return .ready }
        if states.contains(.connecting) { return .connecting }
        if states.contains(.idle) || states.isEmpty { return .idle }
        return .transientFailure
    }
}
