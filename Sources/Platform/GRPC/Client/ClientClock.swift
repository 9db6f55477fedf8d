import ApusPrimitives

/// What time does to a client's connection: idling and keep-alive. Pure.
struct ClientClock {
    enum Action: Equatable {
        case nothing
        case ping(UInt64)
        case shutDown
        case close(String)
    }

    static let keepalivePing: UInt64 = 0x6170_7573_206B_6563

    private let settings: GRPCClientSettings
    private var idleSince: MonotonicTime?
    private var pingSent: MonotonicTime?
    private var isShuttingDown = false

    init(settings: GRPCClientSettings, now: MonotonicTime) {
        self.settings = settings
        idleSince = now
    }

    mutating func idle(since moment: MonotonicTime) { idleSince = moment }
    mutating func callBegan() { idleSince = nil }
    mutating func ponged() { pingSent = nil }

    private var mayPing: Bool { idleSince == nil || settings.keepaliveWithoutCalls }

    func nextMoment(lastRead: MonotonicTime) -> MonotonicTime {
        var next = MonotonicTime.distantFuture
        if let idleSince, let maxIdle = settings.maxIdle, !isShuttingDown { next = idleSince + maxIdle }
        if let pingSent { return min(next, pingSent + settings.keepaliveTimeout) }
        guard let interval = settings.keepaliveInterval, mayPing else { return next }
        return min(next, lastRead + interval)
    }

    mutating func tick(now: MonotonicTime, lastRead: MonotonicTime, hasCalls: Bool) -> Action {
        if !hasCalls, !isShuttingDown, let idleSince, let maxIdle = settings.maxIdle, now >= idleSince + maxIdle {
            isShuttingDown = true
            return .shutDown
        }
        if let sent = pingSent {
            if lastRead > sent {
                pingSent = nil
            } else if now >= sent + settings.keepaliveTimeout {
                return .close("no answer to a ping within \(settings.keepaliveTimeout)")
            }
            return .nothing
        }
        guard let interval = settings.keepaliveInterval, mayPing, now >= lastRead + interval else { return .nothing }
        pingSent = now
        return .ping(Self.keepalivePing)
    }
}
