/// What the config center can change in the payment service.
enum PaymentTunable {
    /// How long the bank takes for the slow card.
    static let bankSlowMilliseconds = Tunable("bank_slow_milliseconds", 3000, in: 0...60_000)
    /// How often the bank loses its answer for an order paid with the card that fails after charging.
    static let bankFailuresAfterCharge = Tunable("bank_failures_after_charge", 1, in: 0...100)
    /// The most charges that wait for the bank at once.
    static let bankMaxInFlight = Tunable("bank_max_in_flight", 64, in: 1...1000)
    /// How long a card number is kept for the order it was given for.
    static let cardTokenSeconds = Tunable("card_token_seconds", 3600, in: 10...86_400)
    static let sweepMilliseconds = Tunable("sweep_milliseconds", 1000, in: 10...60_000)

    static let all = [
        bankSlowMilliseconds, bankFailuresAfterCharge, bankMaxInFlight, cardTokenSeconds, sweepMilliseconds,
    ]
}
