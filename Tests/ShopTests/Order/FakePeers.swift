import ApusPrimitives
import ApusRPC

@testable import shop

/// Cart, inventory and payment as far as one order sees them, behind a network that loses, delays and doubles.
///
/// They keep to the rules of the real ones: everything is idempotent, an undo works on what never happened, and what
/// comes after an undo is refused.
final class FakePeers: Sendable {
    enum Cart: Sendable { case untouched, taken, restored }
    enum Stock: Sendable { case untouched, held, sold, expired, released }
    enum Money: Sendable { case untouched, taken, declined, givenBack, calledOff }

    /// What the network does to one call.
    enum Fault: CaseIterable, Sendable { case none, requestLost, answerLost, late, doubled }

    struct Lost: Error {}

    struct State: Sendable {
        var random: SeededRandom
        /// Of ten calls, how many meet a fault.
        var faultsInTen: Int
        var cartChanged = false
        /// Of ten tries to reserve, how many find the stock gone; it may be back at the next.
        var outOfStockInTen = 0
        var declines = false
        var expires = false

        var cart = Cart.untouched
        var stock = Stock.untouched
        var money = Money.untouched
        var underway: [@Sendable (inout State) -> Void] = []
    }

    let state: Locked<State>

    init(seed: UInt64, faultsInTen: Int) {
        var random = SeededRandom(seed: seed)
        var state = State(random: random.split(), faultsInTen: faultsInTen)
        state.cartChanged = Int.random(in: 0..<8, using: &random) == 0
        state.outOfStockInTen = [0, 0, 0, 0, 3, 10].randomElement(using: &random) ?? 0
        state.declines = Int.random(in: 0..<4, using: &random) == 0
        state.expires = Int.random(in: 0..<8, using: &random) == 0
        self.state = Locked(state)
    }

    /// Everything that is still on its way arrives.
    func deliverLateCalls() {
        state.withLock { state in
            let underway = state.underway.shuffled(using: &state.random)
            state.underway = []
            for call in underway { call(&state) }
        }
    }

    func stopFaults() {
        state.withLock { $0.faultsInTen = 0 }
    }

    private func call(_ body: @escaping @Sendable (inout State) throws -> Void) throws {
        try state.withLock { state in
            if !state.underway.isEmpty, Int.random(in: 0..<3, using: &state.random) == 0 {
                let late = state.underway.remove(at: Int.random(in: 0..<state.underway.count, using: &state.random))
                late(&state)
            }
            let isFaulty = Int.random(in: 0..<10, using: &state.random) < state.faultsInTen
            switch isFaulty ? Fault.allCases.randomElement(using: &state.random) ?? .none : .none {
            case .none: try body(&state)
            case .requestLost: throw Lost()
            case .answerLost:
                try? body(&state)
                throw Lost()
            case .late:
                state.underway.append { try? body(&$0) }
                throw Lost()
            case .doubled:
                state.underway.append { try? body(&$0) }
                try body(&state)
            }
        }
    }

    var peers: OrderPeers {
        OrderPeers(
            cart: { _ in throw Lost() }, tokenize: { _ in throw Lost() },
            checkOut: { _, _ in try self.call(Self.checkOut) }, restoreCart: { _, _ in try self.call(Self.restore) },
            reserve: { _, _ in try self.call(Self.reserve) }, release: { _, _ in try self.call(Self.release) },
            charge: { _, _ in try self.call(Self.charge) }, refund: { _, _ in try self.call(Self.refund) },
            commit: { _, _ in try self.call(Self.commit) })
    }

    private static func checkOut(_ state: inout State) throws {
        switch state.cart {
        case .untouched:
            if state.cartChanged { throw OrderRefusal(reason: "the cart has changed") }
            state.cart = .taken
        case .taken: break
        case .restored: throw OrderRefusal(reason: "the cart was given back")
        }
    }

    private static func restore(_ state: inout State) { state.cart = .restored }

    private static func reserve(_ state: inout State) throws {
        switch state.stock {
        case .untouched, .expired:
            if Int.random(in: 0..<10, using: &state.random) < state.outOfStockInTen {
                throw OrderRefusal(reason: "out of stock")
            }
            state.stock = .held
        case .held, .sold: break
        case .released: throw OrderRefusal(reason: "released")
        }
    }

    private static func release(_ state: inout State) { state.stock = .released }

    private static func charge(_ state: inout State) throws {
        switch state.money {
        case .untouched:
            state.money = state.declines ? .declined : .taken
            if state.declines { throw OrderRefusal(reason: "card declined") }
        case .taken: break
        case .declined: throw OrderRefusal(reason: "card declined")
        case .givenBack, .calledOff: throw OrderRefusal(reason: "called off")
        }
    }

    private static func refund(_ state: inout State) {
        switch state.money {
        case .untouched: state.money = .calledOff
        case .taken: state.money = .givenBack
        case .declined, .givenBack, .calledOff: break
        }
    }

    private static func commit(_ state: inout State) throws {
        switch state.stock {
        case .held where state.expires:
            state.stock = .expired
            throw OrderRefusal(reason: "sold to somebody else meanwhile")
        case .held: state.stock = .sold
        case .sold: break
        case .untouched, .expired, .released: throw OrderRefusal(reason: "nothing is reserved")
        }
    }
}
