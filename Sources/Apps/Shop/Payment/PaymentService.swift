import ApusPrimitives
import ApusRPC
import ApusResilience
import ApusSQL

/// Takes and gives back the money of orders at the test bank; each at most once for an order.
struct PaymentService: Sendable {
    static let name = "payment"
    static var migrations: [SQLMigration] { PaymentStore.migrations }

    /// The largest charge, in minor units.
    static let maxAmount = Money(1_000_000_000_000)
    static let maxCardTokenLength = 64
    /// Cards that one sweep forgets in one transaction.
    static let sweepBatch = 500

    let store: PaymentStore
    let clock: WallClock
    let tunables: Tunables
    private let vault: CardVault
    private let time: TimeSource
    private let inFlight = Locked(Int64(0))

    init(
        database: any SQLDatabase, vault: CardVault, tunables: Tunables = .defaults, clock: WallClock = .system,
        time: TimeSource = .continuous
    ) {
        store = PaymentStore(database: database)
        self.vault = vault
        self.tunables = tunables
        self.clock = clock
        self.time = time
    }

    /// Exchanges a card number for a token that stands for it for a short while.
    ///
    /// - Throws: `Problem` 422 when this is no card number.
    func keep(_ request: PaymentAPI.CardRequest) async throws -> PaymentAPI.CardResponse {
        guard let number = CardNumber(request.cardNumber) else {
            throw FieldErrors.fail("card_number", "must be a card number of 12 to 19 digits with a right check digit")
        }
        let token = Secrets.newToken()
        let digest = Secrets.digest(token)
        try await store.keep(
            PaymentStore.StoredCard(
                tokenDigest: digest, sealedNumber: try vault.seal(number, for: digest), lastFour: number.lastFour,
                fingerprint: vault.fingerprint(number),
                expiresAt: clock.milliseconds + tunables[PaymentTunable.cardTokenSeconds] * 1000))
        return PaymentAPI.CardResponse(cardToken: token, lastFour: number.lastFour)
    }

    /// - Throws: `Problem`: 422 naming the field or `unknown-card-token`, 402 `card-declined`, 409 `charge-called-off`,
    ///   `charge-differs` or `stale-fencing-token`, 502 `bank-silent`, 503; `CancellationError`.
    func charge(_ request: PaymentAPI.ChargeRequest, token: FencingToken) async throws -> Charge {
        try Self.check(request)
        let order = PaymentStore.ChargeRequest(
            orderID: request.orderID, amount: request.amount, currency: request.currency,
            cardTokenDigest: Secrets.digest(request.cardToken), fencingToken: token.value)
        let begun = try await store.begin(order, now: clock.milliseconds)
        guard case .ask(let card) = begun else { return try Self.charge(order, begun) }
        return try await askingBank {
            let verdict = try await verdict(on: card)
            return try Self.charge(
                order,
                try await store.settle(
                    order, verdict: verdict, ledgerID: Identifiers.next(at: clock), now: clock.milliseconds))
        }
    }

    /// - Throws: `Problem`: 422, 409 `stale-fencing-token`.
    func refund(orderID: String, token: FencingToken) async throws -> Charge {
        guard Identifiers.isRecordID(orderID) else { throw FieldErrors.fail("order_id", "must be an identifier") }
        let outcome = try await store.refund(
            orderID: orderID, token: token.value, ledgerID: Identifiers.next(at: clock), now: clock.milliseconds)
        switch outcome {
        case .settled(let charge): return charge
        case .superseded(let highest): throw Problem.staleFencingToken(given: token.value, highest: highest)
        default: throw Problem.internalError()
        }
    }

    /// Forgets the cards whose time has come.
    ///
    /// - Returns: how many.
    @discardableResult
    func sweep() async throws -> Int {
        var total = 0
        while true {
            let count = try await store.forgetExpiredCards(now: clock.milliseconds, limit: Self.sweepBatch)
            total += count
            if count < Self.sweepBatch { return total }
        }
    }

    /// What the bank says to a card; for the slow one it takes its time, before any money moves.
    private func verdict(on card: PaymentStore.StoredCard) async throws -> PaymentStore.Verdict {
        guard let number = try vault.open(card.sealedNumber, for: card.tokenDigest) else { return .decline }
        switch TestCard(number) {
        case .approves: return .approve
        case .declines, nil: return .decline
        case .isSlow:
            try await time.sleep(for: .milliseconds(tunables[PaymentTunable.bankSlowMilliseconds]))
            return .approve
        case .failsAfterCharging:
            return .loseAnswer(times: Int(tunables[PaymentTunable.bankFailuresAfterCharge]))
        case .alwaysFailsAfterCharging: return .loseAnswer(times: .max)
        }
    }

    private func askingBank<Value>(_ body: () async throws -> Value) async throws -> Value {
        let limit = tunables[PaymentTunable.bankMaxInFlight]
        let isAdmitted = inFlight.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        guard isAdmitted else {
            throw Problem.busy("Too many charges wait for the bank.", policy: "bank-bulkhead", retryAfterSeconds: 1)
        }
        defer { inFlight.withLock { $0 -= 1 } }
        return try await body()
    }

    private static func check(_ request: PaymentAPI.ChargeRequest) throws {
        var errors = FieldErrors()
        errors.check(Identifiers.isRecordID(request.orderID), "order_id", "must be an identifier")
        errors.check(
            request.amount > .zero && request.amount <= maxAmount, "amount",
            "must be 1 to \(maxAmount.minorUnits) minor units")
        errors.check(request.currency == Money.currency, "currency", "must be \(Money.currency)")
        errors.check(
            (1...maxCardTokenLength).contains(request.cardToken.utf8.count), "card_token",
            "must be a token from /internal/cards")
        try errors.throwIfAny()
    }

    private static func charge(_ request: PaymentStore.ChargeRequest, _ outcome: ChargeOutcome) throws -> Charge {
        let order: [String: JSONValue] = ["order_id": .string(request.orderID)]
        switch outcome {
        case .settled(let charge) where charge.state == .approved: return charge
        case .settled(let charge):
            throw Problem(
                "card-declined", status: 402, title: "Card Declined",
                detail: "The bank has declined the card ending in \(charge.lastFour).", extensions: order)
        case .ask, .silent:
            throw Problem(
                "bank-silent", status: 502, title: "Bank Silent",
                detail: "The bank did not say whether it has taken the money; ask again.",
                extensions: order.merging(["service": "bank"]) { $1 })
        case .unknownCard:
            throw Problem(
                "unknown-card-token", status: 422, title: "Unknown Card Token",
                detail: "The card token is unknown, used up or too old.", extensions: ["field": "card_token"])
        case .calledOff:
            throw Problem(
                "charge-called-off", status: 409, title: "Charge Called Off",
                detail: "The order was undone; it cannot be charged any more.", extensions: order)
        case .differs:
            throw Problem(
                "charge-differs", status: 409, title: "Charge Differs",
                detail: "The order was charged with another amount or currency.", extensions: order)
        case .superseded(let highest):
            throw Problem.staleFencingToken(given: request.fencingToken, highest: highest)
        }
    }
}
