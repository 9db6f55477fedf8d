/// The cards of the test bank. Every other number with a right check digit is declined as unknown.
enum TestCard: String, CaseIterable, Sendable {
    /// Approved.
    case approves = "4242424242424242"
    /// Declined: no money moves.
    case declines = "4000000000000002"
    /// Approved, after `bank_slow_milliseconds`.
    case isSlow = "4000000000009995"
    /// The bank takes the money and then fails to say so, the first `bank_failures_after_charge` times for an order.
    case failsAfterCharging = "4000000000000119"
    /// The bank takes the money and never manages to say so.
    case alwaysFailsAfterCharging = "4000000000000341"

    init?(_ number: CardNumber) {
        self.init(rawValue: number.digits)
    }
}
