import ApusTransactions
import Foundation

/// `POST /orders`, and what it answers: the order as it was accepted. A repetition gets the same, byte for byte.
struct OrderRequest: Decodable, Sendable {
    let cardNumber: String

    enum CodingKeys: String, CodingKey {
        case cardNumber = "card_number"
    }
}

struct OrderReceipt: Encodable, Sendable {
    let id: String
    let status: Order.Status
    let total: Int64
    let currency: String
    let lines: [OrderLine]
    let createdAt: String

    enum CodingKeys: String, CodingKey {
        case id, status, total, currency, lines
        case createdAt = "created_at"
    }

    init(_ order: Order) {
        id = order.id
        status = .pending
        total = order.total
        currency = order.currency
        lines = order.lines
        createdAt = WallClock.text(milliseconds: order.createdAt)
    }
}

/// An order as it stands, in `GET /orders` without and in `GET /orders/{id}` with its steps.
struct OrderView: Encodable, Sendable {
    let id: String
    let status: Order.Status
    let reason: String?
    let total: Int64
    let currency: String
    let lines: [OrderLine]
    let createdAt: String
    let steps: [OrderStep]?

    enum CodingKeys: String, CodingKey {
        case id, status, reason, total, currency, lines, steps
        case createdAt = "created_at"
    }

    init(_ order: Order, steps: [OrderStep]?) {
        id = order.id
        status = order.status
        reason = order.status == .cancelled ? order.reason : nil
        total = order.total
        currency = order.currency
        lines = order.lines
        createdAt = WallClock.text(milliseconds: order.createdAt)
        self.steps = steps
    }
}

struct OrderList: Encodable, Sendable {
    let orders: [OrderView]
    /// Null on the last page.
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case orders
        case nextCursor = "next_cursor"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(orders, forKey: .orders)
        try container.encode(nextCursor, forKey: .nextCursor)
    }
}

/// A step of an order's saga. What the services said to each other stays in the log.
struct OrderStep: Codable, Sendable, Equatable {
    let name: String
    let phase: String
    /// How often it was tried; its undoing is counted apart.
    let attempts: Int
    let undoAttempts: Int
    let startedAt: String?
    let endedAt: String?
    /// When it is tried again, while it waits because a service gave no answer.
    let retryAt: String?

    enum CodingKeys: String, CodingKey {
        case name, phase, attempts
        case undoAttempts = "undo_attempts"
        case startedAt = "started_at"
        case endedAt = "ended_at"
        case retryAt = "retry_at"
    }

    init(_ status: SagaStepStatus) {
        name = status.name
        phase = status.phase.rawValue
        attempts = status.attempts
        undoAttempts = status.compensationAttempts
        startedAt = status.startedAt.map(Self.text)
        endedAt = status.endedAt.map(Self.text)
        retryAt = status.retryAt.map(Self.text)
    }

    init(
        name: String, phase: String, attempts: Int, undoAttempts: Int = 0, startedAt: String? = nil,
        endedAt: String? = nil, retryAt: String? = nil
    ) {
        self.name = name
        self.phase = phase
        self.attempts = attempts
        self.undoAttempts = undoAttempts
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.retryAt = retryAt
    }

    private static func text(_ date: Date) -> String {
        WallClock.text(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }
}
