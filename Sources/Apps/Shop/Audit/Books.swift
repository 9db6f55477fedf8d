/// What the services of a stopped shop have written down, side by side, to see whether they agree.
struct Books: Sendable {
    struct Product: Sendable, Equatable {
        let id: String
        let initial: Int64
        let available: Int64
        let reserved: Int64
        let sold: Int64
    }

    /// Products and quantities; a product is at most once in it.
    typealias Quantities = [String: Int64]

    struct Reservation: Sendable, Equatable {
        let orderID: String
        /// `held`, `committed`, `expired` or `released`.
        let state: String
        let quantities: Quantities
    }

    struct Charge: Sendable, Equatable {
        let orderID: String
        /// `pending`, `approved`, `declined`, `refunded` or `cancelled`.
        let state: String
    }

    struct LedgerEntry: Sendable, Equatable {
        let orderID: String
        /// Negative for a refund.
        let amount: Int64
        let currency: String
    }

    struct Checkout: Sendable, Equatable {
        let orderID: String
        let userID: String
        /// `taken` or `restored`.
        let state: String
        let quantities: Quantities
    }

    struct Order: Sendable, Equatable {
        let id: String
        let userID: String
        /// `pending`, `confirmed` or `cancelled`.
        let status: String
        let total: Int64
        let currency: String
        let idempotencyKey: String?
        let lineTotal: Int64
        let quantities: Quantities
    }

    struct Saga: Sendable, Equatable {
        let id: String
        /// `running`, `compensating`, `succeeded`, `compensated`, …
        let phase: String
    }

    var products: [Product] = []
    var reservations: [Reservation] = []
    var charges: [Charge] = []
    var ledger: [LedgerEntry] = []
    var checkouts: [Checkout] = []
    var orders: [Order] = []
    var sagas: [Saga] = []
    var users: Set<String> = []
    /// What the databases said about their own files, by file.
    var damages: [Discrepancy] = []
}

/// A place where two books, or a book and its own sum, disagree.
struct Discrepancy: Sendable, Equatable, CustomStringConvertible {
    /// `product nest-box`, `order 01J…`: what it is about.
    let subject: String
    let text: String

    var description: String { "\(subject): \(text)" }
}
