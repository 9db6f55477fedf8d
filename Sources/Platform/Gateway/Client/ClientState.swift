import NIOCore

/// Where a client's connection is in its life, and until when it may stay there. A value without I/O; the
/// `ClientHandler` does what it says.
struct ClientState: Hashable {
    enum Phase: Hashable {
        /// Between requests, no byte of the next one is there. Leads to `head` and `closed`.
        case idle
        /// A part of a head is there. Leads to `body`, `waiting`, `lingering`, `closed`.
        case head
        /// The body is arriving, the exchange is under way. Leads to `waiting`, `discarding`, `lingering`, `closed`.
        case body
        /// The request is complete and being answered. Leads to `idle`, `lingering`, `closed`.
        case waiting
        /// Answered early; the rest of a short body is thrown away. Leads to `idle`, `lingering`, `closed`.
        case discarding
        /// The last response is written and our side shut; what still arrives is thrown away. Leads to `closed`.
        case lingering
        case closed
    }

    enum Timeout: Hashable {
        case none
        /// Nothing is owed to the client: close.
        case close
        /// Answer 408 and close.
        case refuseHead
        /// The exchange decides: the body or the answer is late.
        case exchange
    }

    struct Limits: Hashable {
        var header: TimeAmount
        var idle: TimeAmount
        var linger: TimeAmount

        init(_ settings: GatewaySettings) {
            header = TimeAmount(settings.headerTimeout)
            idle = TimeAmount(settings.idleTimeout)
            linger = TimeAmount(settings.lingerTimeout)
        }
    }

    private(set) var phase = Phase.idle
    /// When `timerFired` has something to say; nil while nothing is waited for.
    private(set) var deadline: NIODeadline?
    /// Whether the connection ends after the exchange at hand.
    private(set) var closesAfter = false
    private let limits: Limits

    /// A connection just accepted: its first request is due at once.
    init(limits: Limits, at now: NIODeadline) {
        self.limits = limits
        deadline = now + limits.header
    }

    /// Whether requests are still taken from the connection.
    var takesRequests: Bool { phase == .idle || phase == .head }

    /// Whether nothing but the client's taking of the last response can still be under way.
    var waitsForOutput: Bool { phase == .idle || phase == .discarding || phase == .lingering }

    mutating func bytesArrived(at now: NIODeadline) {
        guard phase == .idle else { return }
        phase = .head
        deadline = now + limits.header
    }

    /// - Parameter answerDue: when the exchange asks to be woken.
    mutating func headRead(hasBody: Bool, keepAlive: Bool, answerDue: NIODeadline) {
        guard phase == .head else { return }
        phase = hasBody ? .body : .waiting
        if !keepAlive { closesAfter = true }
        deadline = answerDue
    }

    mutating func bodyRead(at now: NIODeadline) {
        switch phase {
        case .body: phase = .waiting
        case .discarding: becomeIdle(at: now)
        default: break
        }
    }

    /// The exchange asks to be woken at another moment.
    mutating func answerDue(_ moment: NIODeadline) {
        if phase == .body || phase == .waiting { deadline = moment }
    }

    /// Time is up, but the client still takes what was written: look again at `moment`.
    mutating func outputMoves(until moment: NIODeadline) {
        if phase != .closed { deadline = moment }
    }

    /// Close after the response at hand; whoever writes its head says so.
    mutating func closeAfterResponse() {
        closesAfter = true
    }

    /// The response is written.
    /// - Parameter restIsShort: whether the rest of the body is known to be short enough to be thrown away.
    mutating func responded(at now: NIODeadline, restIsShort: Bool) {
        switch phase {
        case .head, .body, .waiting:
            if closesAfter || (phase == .head) {
                linger(at: now)
            } else if phase == .waiting {
                becomeIdle(at: now)
            } else if restIsShort {
                phase = .discarding
                deadline = now + limits.header
            } else {
                linger(at: now)
            }
        case .idle:
            linger(at: now)  // an answer without a request: 503 for one connection too many
        case .discarding, .lingering, .closed: break
        }
    }

    mutating func timerFired(at now: NIODeadline) -> Timeout {
        guard let deadline, now >= deadline else { return .none }
        switch phase {
        case .head:
            self.deadline = nil
            closesAfter = true
            return .refuseHead
        case .body, .waiting:
            self.deadline = nil
            return .exchange
        case .idle, .discarding, .lingering:
            closed()
            return .close
        case .closed:
            return .none
        }
    }

    /// The gateway stops: a connection between requests ends now, the others after their response.
    /// - Returns: whether to close now.
    mutating func drain() -> Bool {
        closesAfter = true
        guard phase == .idle else { return false }
        closed()
        return true
    }

    mutating func closed() {
        phase = .closed
        deadline = nil
    }

    private mutating func becomeIdle(at now: NIODeadline) {
        if closesAfter { return linger(at: now) }
        phase = .idle
        deadline = now + limits.idle
    }

    private mutating func linger(at now: NIODeadline) {
        phase = .lingering
        deadline = now + limits.linger
    }
}
