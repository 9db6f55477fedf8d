import NIOCore

/// Whether a client that has not taken all of its response still takes some of it: a value that is told, from time to
/// time, how many bytes wait.
struct UnsentWatch: Hashable {
    private var bytes = 0
    private var since = NIODeadline.uptimeNanoseconds(0)

    /// - Parameter limit: how long nothing may move.
    mutating func isMoving(_ unsent: Int, at now: NIODeadline, within limit: TimeAmount) -> Bool {
        if unsent != bytes {
            bytes = unsent
            since = now
        }
        return unsent > 0 && now - since < limit
    }
}
