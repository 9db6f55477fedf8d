import ApusPrimitives
import ApusSQL
import Testing

@testable import shop

/// The steps against services behind a bad network, driven as the saga drives them.
struct OrderStepsTests {
    private static let clock = WallClock { 1_700_000_000_000 }

    private struct Run {
        let peers: FakePeers
        let store: OrderStore
        let steps: OrderSteps
        let state: OrderSagaState
    }

    private func begin(seed: UInt64, faultsInTen: Int) async throws -> Run {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(OrderStore.migrations)
        let store = OrderStore(database: database)
        let line = OrderLine(productID: "mug", name: "Mug", unitPrice: 150, quantity: 2, total: 300)
        let order = Order(
            id: "A", userID: "ada", status: .pending, reason: nil, total: 300, currency: "EUR", lines: [line],
            createdAt: 0)
        _ = try await database.transaction { try OrderStore.insert(order, attempt: nil, in: $0) }
        let peers = FakePeers(seed: seed, faultsInTen: faultsInTen)
        let state = OrderSagaState(
            orderID: "A", userID: "ada", cartVersion: 1, lines: [.init(productID: "mug", quantity: 2)], total: 300,
            currency: "EUR", cardToken: "token")
        return Run(
            peers: peers, store: store, steps: OrderSteps(peers: peers.peers, store: store, clock: Self.clock),
            state: state)
    }

    private typealias Body = @Sendable (OrderSagaState, OrderPeers.Call) async throws -> Void

    /// Tries as a saga does: up to four times, then back; `confirm` and every undo until they succeed.
    private func drive(_ run: Run) async throws {
        let steps: [(forward: Body, undo: Body?, attempts: Int)] = [
            (run.steps.create, run.steps.uncreate, 4), (run.steps.reserve, run.steps.unreserve, 4),
            (run.steps.charge, run.steps.uncharge, 4), (run.steps.confirm, nil, 10_000),
        ]
        let call = OrderPeers.Call(idempotencyKey: "A/step", fencingToken: 1)
        var undone: [Body] = []
        for step in steps {
            var isDone = false
            var isUncertain = false
            attempts: for _ in 1...step.attempts {
                do {
                    try await step.forward(run.state, call)
                    isDone = true
                    break attempts
                } catch is OrderRefusal {
                    break attempts
                } catch is FakePeers.Lost {
                    isUncertain = true
                }
            }
            if isDone || isUncertain, let undo = step.undo { undone.append(undo) }
            if !isDone { return try await compensate(undone, run) }
        }
    }

    private func compensate(_ undone: [Body], _ run: Run) async throws {
        let call = OrderPeers.Call(idempotencyKey: "A/step/compensate", fencingToken: 1)
        for undo in undone.reversed() {
            for attempt in 1... {
                do {
                    try await undo(run.state, call)
                    break
                } catch is FakePeers.Lost {
                    if attempt == 10_000 { throw FakePeers.Lost() }
                }
            }
        }
    }

    @Test(arguments: [0, 2, 5, 9])
    func theBooksAreRightWhateverTheNetworkDoes(faultsInTen: Int) async throws {
        var ends: Set<Order.Status> = []
        for seed in 0..<400 {
            let run = try await begin(seed: UInt64(seed), faultsInTen: faultsInTen)
            try await drive(run)
            run.peers.deliverLateCalls()
            let status = try #require(try await run.store.order("A", of: "ada")).status
            ends.insert(status)
            run.peers.state.withLock { state in
                switch status {
                case .confirmed:
                    #expect(state.cart == .taken && state.stock == .sold && state.money == .taken, "seed \(seed)")
                case .cancelled:
                    #expect(state.cart != .taken, "seed \(seed)")
                    #expect(state.stock != .sold && state.stock != .held, "seed \(seed)")
                    #expect(state.money != .taken, "seed \(seed)")
                case .pending: Issue.record("seed \(seed): no end")
                }
            }
        }
        #expect(ends == [.confirmed, .cancelled])
    }

    @Test func theReasonIsTheFirstRefusal() async throws {
        let run = try await begin(seed: 1, faultsInTen: 0)
        run.peers.state.withLock { ($0.cartChanged, $0.outOfStockInTen, $0.declines) = (false, 0, true) }
        try await drive(run)
        let order = try #require(try await run.store.order("A", of: "ada"))
        #expect(order.status == .cancelled)
        #expect(order.reason == "card declined")
    }

    @Test func anOrderWhoseCartHasChangedEndsAtItsFirstStep() async throws {
        let run = try await begin(seed: 1, faultsInTen: 0)
        run.peers.state.withLock { $0.cartChanged = true }
        try await drive(run)
        let order = try #require(try await run.store.order("A", of: "ada"))
        #expect(order.reason == "the cart has changed")
        #expect(run.peers.state.withLock { $0.stock } == .untouched)
    }

    @Test func anEndedOrderKeepsItsEnd() async throws {
        let run = try await begin(seed: 1, faultsInTen: 0)
        try await run.store.confirm("A", at: 1)
        try await run.store.confirm("A", at: 2)
        await #expect(throws: OrderConflict.self) { try await run.store.cancel("A", reason: "late", at: 3) }
        #expect(try await run.store.order("A", of: "ada")?.status == .confirmed)
    }
}
