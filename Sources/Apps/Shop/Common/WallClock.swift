import Foundation

/// The time of day, as it is written into rows and tokens. Tests pass a clock that they move.
struct WallClock: Sendable {
    private let body: @Sendable () -> Int64

    /// - Parameter milliseconds: the milliseconds since 1970, now.
    init(milliseconds: @escaping @Sendable () -> Int64) {
        body = milliseconds
    }

    static let system = WallClock { Int64(Date.now.timeIntervalSince1970 * 1000) }

    /// Milliseconds since 1970.
    var milliseconds: Int64 { body() }

    /// Whole seconds since 1970, as JSON Web Tokens count.
    var seconds: Int64 { body() / 1000 }

    /// `milliseconds` since 1970 as RFC 3339 writes it, in UTC, to the millisecond.
    static func text(milliseconds: Int64) -> String {
        let (seconds, rest) = max(0, milliseconds).quotientAndRemainder(dividingBy: 1000)
        let text = Date(timeIntervalSince1970: Double(seconds)).formatted(Date.ISO8601FormatStyle())
        let fraction = String(rest)
        return text.dropLast() + "." + String(repeating: "0", count: 3 - fraction.count) + fraction + "Z"
    }
}
