import ApusPrimitives

/// What time does to a server's connection: handshake, idling, age, keep-alive and its enforcement. Pure.
struct ServerClock {
    enum Action: Equatable {
        case nothing
        case ping(UInt64)
        case shutDown
        case close(String)
    }

    /// Pings that a client may send too early (gRPC's A8).
    static let maximumStrikes = 2
    /// What our keep-alive pings carry.
    static let keepalivePing: UInt64 = 0x6170_7573_206B_6565
    private static let pingIntervalWithoutCalls = Duration.seconds(7200)

    private let settings: GRPCServerSettings
    private let opened: MonotonicTime
    private let age: MonotonicTime
    var handshakeIsDone = false
    private var idleSince: MonotonicTime?
    private var shutDownAt: MonotonicTime?
    private var keepalive: Keepalive
    private var lastPing: MonotonicTime?
    private var strikes = 0

    init(settings: GRPCServerSettings, now: MonotonicTime, spread: Double = .random(in: 0.9...1.1)) {
        self.settings = settings
        keepalive = Keepalive(timeout: settings.keepaliveTimeout)
        opened = now
        age = settings.maxAge.map { now + $0 * spread } ?? .distantFuture
        idleSince = now
    }

    mutating func idle(since moment: MonotonicTime) { idleSince = moment }
    mutating func callBegan() {
        idleSince = nil
        handshakeIsDone = true
    }
    mutating func ponged() { keepalive.ponged() }

    /// True when the client has pinged too often.
    ///
    /// - Parameter hasSent: headers or data were sent since its ping before. Clients measure the way's bandwidth by pings at
    ///   what they receive, and those are no nuisance.
    mutating func pinged(at now: MonotonicTime, hasCalls: Bool, hasSent: Bool) -> Bool {
        let interval =
            hasCalls || settings.permitsPingsWithoutCalls ? settings.minimumPingInterval : Self.pingIntervalWithoutCalls
        defer { lastPing = now }
        if hasSent { strikes = 0 }
        guard !hasSent, let lastPing, now < lastPing + interval else { return false }
        strikes += 1
        return strikes > Self.maximumStrikes
    }

    func nextMoment(lastRead: MonotonicTime) -> MonotonicTime {
        var next = MonotonicTime.distantFuture
        if !handshakeIsDone { next = opened + settings.handshakeTimeout }
        if let shutDownAt {
            next = min(next, shutDownAt + settings.maxAgeGrace)
        } else {
            next = min(next, age)
            if let idleSince, let maxIdle = settings.maxIdle { next = min(next, idleSince + maxIdle) }
        }
        return min(next, keepalive.nextMoment(lastRead: lastRead, interval: settings.keepaliveInterval))
    }

    mutating func tick(now: MonotonicTime, lastRead: MonotonicTime, hasCalls: Bool) -> Action {
        if !handshakeIsDone, now >= opened + settings.handshakeTimeout {
            return .close("no settings within \(settings.handshakeTimeout)")
        }
        if let shutDownAt {
            if now >= shutDownAt + settings.maxAgeGrace { return .close("the connection is too old") }
        } else if now >= age {
            shutDownAt = now
            return .shutDown
        } else if !hasCalls, let idleSince, let maxIdle = settings.maxIdle, now >= idleSince + maxIdle {
            shutDownAt = now
            return .shutDown
        }
        switch keepalive.tick(now: now, lastRead: lastRead, interval: settings.keepaliveInterval) {
        case .nothing: return .nothing
        case .ping: return .ping(Self.keepalivePing)
        case .close(let reason): return .close(reason)
        }
    }
}
