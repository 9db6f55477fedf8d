/// Virtual time: microseconds since the simulation began.
enum Virtual {
    static let millisecond: UInt64 = 1_000
    static let second: UInt64 = 1_000_000

    static func text(_ time: UInt64) -> String {
        let fraction = String(time % 1_000)
        return "\(time / 1_000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction) ms"
    }
}
