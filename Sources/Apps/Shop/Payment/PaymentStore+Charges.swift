import ApusSQL

/// How a step on a charge ended.
enum ChargeOutcome: Hashable, Sendable {
    /// The charge is in a state that answers the request.
    case settled(Charge)
    /// The bank is to be asked with this card.
    case ask(PaymentStore.StoredCard)
    /// The bank took the money, and its answer was lost.
    case silent
    /// The card's token is unknown, used up or too old.
    case unknownCard
    /// The order was called off: it may not be charged any more.
    case calledOff
    /// The order was charged with another amount or currency.
    case differs
    /// A coordinator with this higher fencing token has taken the order over.
    case superseded(by: Int64)
}

extension PaymentStore {
    /// What is asked of the bank.
    struct ChargeRequest: Hashable, Sendable {
        let orderID: String
        let amount: Money
        let currency: String
        let cardTokenDigest: String
        let fencingToken: Int64
    }

    /// Writes down that the bank is about to be asked, before it is.
    func begin(_ request: ChargeRequest, now: Int64) async throws -> ChargeOutcome {
        try await database.transaction { connection in
            let book = ChargeBook(connection: connection, now: now)
            let found = try book.find(request.orderID)
            if let found, let refusal = book.refusal(of: request, against: found) { return refusal }
            if let charge = found?.charge, charge.state != .pending { return .settled(charge) }
            guard let card = try book.card(request.cardTokenDigest) else { return .unknownCard }
            try book.save(
                Charge(
                    orderID: request.orderID, state: .pending, amount: request.amount, currency: request.currency,
                    lastFour: card.lastFour, cardFingerprint: card.fingerprint, silences: found?.charge.silences ?? 0),
                token: request.fencingToken, isNew: found == nil)
            return .ask(card)
        }
    }

    /// What the bank makes of a charge that was begun.
    enum Verdict: Hashable, Sendable {
        case approve
        case decline
        /// The bank takes the money and loses its answer, up to this many times for one order.
        case loseAnswer(times: Int)
    }

    /// Carries out the bank's verdict, unless the charge has been called off or taken over meanwhile.
    func settle(
        _ request: ChargeRequest, verdict: Verdict, ledgerID: String, now: Int64
    ) async throws -> ChargeOutcome {
        try await database.transaction { connection in
            let book = ChargeBook(connection: connection, now: now)
            guard let found = try book.find(request.orderID) else { return .calledOff }
            if let refusal = book.refusal(of: request, against: found) { return refusal }
            guard found.charge.state == .pending else { return .settled(found.charge) }
            if verdict != .decline { try book.enterCharge(found.charge, ledgerID: ledgerID) }
            if case .loseAnswer(let times) = verdict, found.charge.silences < times {
                try book.save(
                    found.charge.with(state: .pending, silences: found.charge.silences + 1),
                    token: request.fencingToken, isNew: false)
                return .silent
            }
            let settled = found.charge.with(state: verdict == .decline ? .declined : .approved)
            try book.save(settled, token: request.fencingToken, isNew: false)
            try book.forgetCard(request.cardTokenDigest)
            return .settled(settled)
        }
    }

    /// Gives back what was taken, and refuses what may still arrive for this order.
    func refund(orderID: String, token: Int64, ledgerID: String, now: Int64) async throws -> ChargeOutcome {
        try await database.transaction { connection in
            let book = ChargeBook(connection: connection, now: now)
            guard let found = try book.find(orderID) else {
                let tombstone = Charge(
                    orderID: orderID, state: .cancelled, amount: .zero, currency: Money.currency, lastFour: "",
                    cardFingerprint: "", silences: 0)
                try book.save(tombstone, token: token, isNew: true)
                return .settled(tombstone)
            }
            if found.token > token { return .superseded(by: found.token) }
            var charge = found.charge
            switch charge.state {
            case .pending, .approved:
                let given = try book.enterRefund(orderID: orderID, ledgerID: ledgerID)
                charge = charge.with(state: given ? .refunded : .cancelled)
            case .declined, .refunded, .cancelled: break
            }
            try book.save(charge, token: token, isNew: false)
            return .settled(charge)
        }
    }

    func charge(orderID: String) async throws -> Charge? {
        try await database.read { connection in
            try ChargeBook(connection: connection, now: 0).find(orderID)?.charge
        }
    }
}

extension Charge {
    func with(state: State, silences: Int? = nil) -> Charge {
        Charge(
            orderID: orderID, state: state, amount: amount, currency: currency, lastFour: lastFour,
            cardFingerprint: cardFingerprint, silences: silences ?? self.silences)
    }
}
