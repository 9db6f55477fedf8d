import ApusSQL

/// The money of one order, as the payment service sees it.
struct Charge: Hashable, Sendable {
    enum State: String, Codable, Sendable, SQLBindable, SQLDecodable {
        /// The bank has been asked and has not answered; it may have the money. → every other state.
        case pending
        /// The money has been taken. → refunded.
        case approved
        /// The bank said no; no money has moved, and none will.
        case declined
        /// The money was taken and has been given back.
        case refunded
        /// Called off before any money moved, possibly before it was asked for: a late charge is refused.
        case cancelled
    }

    let orderID: String
    let state: State
    let amount: Money
    let currency: String
    let lastFour: String
    let cardFingerprint: String
    /// How often the bank has taken the money without managing to say so.
    let silences: Int
}
