import ApusSQL

/// Charges, cards and the ledger inside one transaction.
struct ChargeBook {
    struct Found {
        let charge: Charge
        let token: Int64
    }

    let connection: any SQLConnection
    /// Milliseconds since 1970.
    let now: Int64

    func find(_ orderID: String) throws -> Found? {
        let row = try connection.queryOne(
            """
            SELECT state, amount, currency, last_four, card_fingerprint, silences, fencing_token
            FROM charges WHERE order_id = \(orderID)
            """)
        guard let row else { return nil }
        let charge = Charge(
            orderID: orderID, state: try row.decode("state"), amount: try row.decode("amount"),
            currency: try row.decode("currency"), lastFour: try row.decode("last_four"),
            cardFingerprint: try row.decode("card_fingerprint"), silences: try row.decode("silences"))
        return Found(charge: charge, token: try row.decode("fencing_token"))
    }

    /// Why `request` may not go on from what is there; nil when it may.
    func refusal(of request: PaymentStore.ChargeRequest, against found: Found) -> ChargeOutcome? {
        if found.token > request.fencingToken { return .superseded(by: found.token) }
        switch found.charge.state {
        case .refunded, .cancelled: return .calledOff
        case .pending, .approved, .declined: break
        }
        guard found.charge.amount == request.amount, found.charge.currency == request.currency else { return .differs }
        return nil
    }

    func card(_ tokenDigest: String) throws -> PaymentStore.StoredCard? {
        let row = try connection.queryOne(
            """
            SELECT sealed_number, last_four, fingerprint, expires_at FROM cards
            WHERE token_digest = \(tokenDigest) AND expires_at > \(now)
            """)
        guard let row else { return nil }
        return PaymentStore.StoredCard(
            tokenDigest: tokenDigest, sealedNumber: try row.decode("sealed_number"),
            lastFour: try row.decode("last_four"), fingerprint: try row.decode("fingerprint"),
            expiresAt: try row.decode("expires_at"))
    }

    func forgetCard(_ tokenDigest: String) throws {
        try connection.execute("DELETE FROM cards WHERE token_digest = \(tokenDigest)")
    }

    func save(_ charge: Charge, token: Int64, isNew: Bool) throws {
        guard isNew else {
            try connection.execute(
                """
                UPDATE charges SET state = \(charge.state), silences = \(charge.silences), fencing_token = \(token),
                    updated_at = \(now) WHERE order_id = \(charge.orderID)
                """)
            return
        }
        try connection.execute(
            """
            INSERT INTO charges (order_id, state, amount, currency, last_four, card_fingerprint, silences,
                fencing_token, created_at, updated_at)
            VALUES (\(charge.orderID), \(charge.state), \(charge.amount), \(charge.currency), \(charge.lastFour),
                \(charge.cardFingerprint), \(charge.silences), \(token), \(now), \(now))
            """)
    }

    /// Takes the money; once for an order, however often it is asked.
    func enterCharge(_ charge: Charge, ledgerID: String) throws {
        try connection.execute(
            """
            INSERT INTO ledger (id, order_id, kind, amount, currency, created_at)
            VALUES (\(ledgerID), \(charge.orderID), 'charge', \(charge.amount), \(charge.currency), \(now))
            ON CONFLICT (order_id, kind) DO NOTHING
            """)
    }

    /// Gives back what was taken.
    ///
    /// - Returns: false when nothing had been taken.
    func enterRefund(orderID: String, ledgerID: String) throws -> Bool {
        try connection.execute(
            """
            INSERT INTO ledger (id, order_id, kind, amount, currency, created_at)
            SELECT \(ledgerID), order_id, 'refund', -amount, currency, \(now) FROM ledger
            WHERE order_id = \(orderID) AND kind = 'charge'
            """) == 1
    }
}
