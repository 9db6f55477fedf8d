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
    private var keepalive: Keepalive
    private var isShuttingDown = false

    init(settings: GRPCClientSettings, now: MonotonicTime) {
        self.settings = settings
        keepalive = Keepalive(timeout: settings.keepaliveTimeout)
        idleSince = now
    }

    mutating func idle(since moment: MonotonicTime) { idleSince = moment }
    mutating func callBegan() { idleSince = nil }
    mutating func ponged() { keepalive.ponged() }

    private var interval: Duration? {
        idleSince == nil || settings.keepaliveWithoutCalls ? settings.keepaliveInterval : nil
    }

    func nextMoment(lastRead: MonotonicTime) -> MonotonicTime {
        var next = MonotonicTime.distantFuture
        if let idleSince, let maxIdle = settings.maxIdle, !isShuttingDown { next = idleSince + maxIdle }
        return min(next, keepalive.nextMoment(lastRead: lastRead, interval: interval))
    }

    mutating func tick(now: MonotonicTime, lastRead: MonotonicTime, hasCalls: Bool) -> Action {
        if !hasCalls, !isShuttingDown, let idleSince, let maxIdle = settings.maxIdle, now >= idleSince + maxIdle {
            isShuttingDown = true
            return .shutDown
        }
        switch keepalive.tick(now: now, lastRead: lastRead, interval: interval) {
        case .nothing: return .nothing
        case .ping: return .ping(Self.keepalivePing)
        case .close(let reason): return .close(reason)
        }
    }
}
