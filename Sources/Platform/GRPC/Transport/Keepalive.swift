import ApusPrimitives

/// The keep-alive pings of either side: one when the peer was silent for an interval, and the end of the connection when it is not
/// answered in time. Anything that is read answers it. Pure.
struct Keepalive {
    enum Action: Equatable {
        case nothing
        case ping
        case close(String)
    }

    let timeout: Duration
    private var pingSent: MonotonicTime?

    init(timeout: Duration) {
        self.timeout = timeout
    }

    mutating func ponged() { pingSent = nil }

    /// - Parameter interval: nil while no ping may be sent, here and in `tick`; one that is under way still counts.
    func nextMoment(lastRead: MonotonicTime, interval: Duration?) -> MonotonicTime {
        if let pingSent { return pingSent + timeout }
        return interval.map { lastRead + $0 } ?? .distantFuture
    }

    mutating func tick(now: MonotonicTime, lastRead: MonotonicTime, interval: Duration?) -> Action {
        if let sent = pingSent {
            if lastRead > sent {
                pingSent = nil
            } else if now >= sent + timeout {
                return .close("no answer to a ping within \(timeout)")
            }
            return .nothing
        }
        guard let interval, now >= lastRead + interval else { return .nothing }
        pingSent = now
        return .ping
    }
}
