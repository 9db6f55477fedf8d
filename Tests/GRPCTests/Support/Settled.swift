import TestSupport

/// Waits until `count` has stayed the same over many polls, and is not 0.
@discardableResult
func settled(_ count: @Sendable () -> Int) async throws -> Int {
    var last = -1
    var same = 0
    try await eventually {
        let now = count()
        same = now == last ? same + 1 : 0
        last = now
        return same > 50 && now > 0
    }
    return last
}
