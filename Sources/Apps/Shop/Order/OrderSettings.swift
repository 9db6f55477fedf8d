import ApusCoordination

/// What an operator may change in the config center while the order service runs, in the namespace `order`.
struct OrderSettings: Sendable, Equatable {
    /// `accepting`: whether new orders are taken. Reading them, and ending those that run, goes on.
    var isAccepting = true
    /// `max_pending`: with so many orders without an end, new ones are refused with 503 until some have ended.
    var maxPending = 5_000
    /// `max_page`: the most orders on one page of `GET /orders`.
    var maxPage = 100

    static let defaultPage = 20

    static var defaults: [String: SettingValue] {
        let settings = OrderSettings()
        return [
            "accepting": .bool(settings.isAccepting), "max_pending": .int(settings.maxPending),
            "max_page": .int(settings.maxPage),
        ]
    }

    init() {}

    /// The settings as they stand; numbers out of range are moved to the nearest in range.
    init(_ config: ConfigCenter) {
        if case .bool(let value) = config.value(for: "accepting") { isAccepting = value }
        if case .int(let value) = config.value(for: "max_pending") { maxPending = min(max(value, 1), 100_000) }
        if case .int(let value) = config.value(for: "max_page") { maxPage = min(max(value, 1), 500) }
    }
}
