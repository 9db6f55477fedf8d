import NIOCore

/// How many lines strangers may make this node log.
struct LogLimit {
    static let linesPerSecond = 5

    private var second = NIODeadline.uptimeNanoseconds(0)
    private var lines = 0
    private var suppressed = 0

    /// Nil: be silent. Otherwise how many lines were not written before this one.
    mutating func admit(at now: NIODeadline = .now()) -> Int? {
        if now - second >= .seconds(1) { (second, lines) = (now, 0) }
        guard lines < Self.linesPerSecond else {
            suppressed += 1
            return nil
        }
        lines += 1
        defer { suppressed = 0 }
        return suppressed
    }
}
