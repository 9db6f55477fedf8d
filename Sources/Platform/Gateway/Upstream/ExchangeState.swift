/// One request on its way: which attempt it is at, and what a failure now means for it. A value without I/O; the
/// `Exchange` does what it says.
struct ExchangeState: Hashable {
    enum Phase: Hashable {
        /// Looking for an instance or connecting to one; nothing has been sent by this attempt. Leads to `sending` and
        /// `finished`.
        case placing
        /// The request, or a part of it, has been sent. Leads to `responding`, back to `placing`, and to `finished`.
        case sending
        /// The response's head has gone to the client, so nothing can be taken back. Leads to `finished`.
        case responding
        /// Answered, refused or abandoned. Nothing leaves it, and whatever still happens is ignored.
        case finished
    }

    /// How a connection to an instance failed.
    enum Loss: Hashable, CaseIterable {
        /// It was never established: the instance has seen nothing.
        case notConnected
        /// It ended before the head of a response was complete. The instance may have acted.
        case closedBeforeResponse
        /// It ended within a body, or carried something else than HTTP.
        case broken
    }

    enum Verdict: Hashable {
        case ignore
        /// Send the request again, to another instance if there is one.
        case retry
        /// Send it again on a new connection: the kept one had been closed by the instance meanwhile.
        case retryFresh
        case fail(Failure)
        /// The client has a part of the response: close its connection, so that it does not take it for all.
        case truncate
    }

    /// What the gateway answers itself.
    enum Failure: Hashable, CaseIterable {
        /// No instance is registered, or none could be connected to: nobody has seen the request.
        case unavailable
        /// An instance broke off before the response, and the request is not safe to repeat or nobody else is left.
        case connectionLost
        /// The instance's response is not HTTP/1.1.
        case badResponse
        /// The deadline passed.
        case timedOut
        /// No connection could be made, and the budget allows no second attempt: nobody has seen the request.
        case retryRefused
        /// An instance broke off before the response, and the budget allows no second attempt.
        case retryRefusedAfterLoss
        /// The client did not send its body in time.
        case bodyTimedOut

        var status: Int {
            switch self {
            case .unavailable, .retryRefused: 503
            case .connectionLost, .badResponse, .retryRefusedAfterLoss: 502
            case .timedOut: 504
            case .bodyTimedOut: 408
            }
        }
    }

    private(set) var phase = Phase.placing
    /// Attempts begun, without those on a kept connection that turned out to be closed.
    private(set) var attempts = 0
    /// Whether everything that the client has sent of the body is at hand to be sent again.
    private(set) var canReplay = true
    private(set) var requestComplete = false
    private(set) var usesKeptConnection = false
    private(set) var mustConnectAnew = false
    /// Whether an instance may have acted on an attempt that came to nothing.
    private(set) var mayHaveActed = false
    let isRepeatable: Bool
    let maxAttempts: Int

    init(isRepeatable: Bool, maxAttempts: Int) {
        self.isRepeatable = isRepeatable
        self.maxAttempts = max(1, maxAttempts)
    }

    /// Whether the request may be sent again after a part of it has been sent.
    var isSafeToRepeat: Bool { isRepeatable && canReplay }

    /// Whether the body that arrives must be kept.
    var keepsReplay: Bool { phase == .placing || (phase == .sending && isSafeToRepeat) }

    /// An instance has been chosen.
    mutating func placed() {
        guard phase == .placing else { return }
        attempts += 1
    }

    /// A connection is there and the head is being sent.
    mutating func connected(kept: Bool) {
        guard phase == .placing else { return }
        usesKeptConnection = kept
        phase = .sending
    }

    /// The body outgrew what is kept, or need not be kept.
    mutating func replayLost() {
        canReplay = false
    }

    mutating func requestCompleted() {
        requestComplete = true
    }

    /// No instance can be chosen.
    mutating func nowhereToGo() -> Verdict {
        phase == .placing ? fail(mayHaveActed ? .connectionLost : .unavailable) : .ignore
    }

    /// The budget does not allow the attempt that a verdict asked for.
    mutating func retryRefused() -> Verdict {
        phase == .placing ? fail(mayHaveActed ? .retryRefusedAfterLoss : .retryRefused) : .ignore
    }

    /// Whether a 503 may be tried elsewhere.
    var mayAskAnother: Bool { phase == .sending && isSafeToRepeat && attempts < maxAttempts }

    mutating func lost(_ loss: Loss) -> Verdict {
        switch (phase, loss) {
        case (.finished, _):
            return .ignore
        case (.responding, _):
            phase = .finished
            return .truncate
        case (.placing, _):
            guard attempts < maxAttempts else { return nowhereToGo() }
            return .retry
        case (.sending, .notConnected):
            return .ignore  // it was connected, so this is about an attempt before
        case (.sending, .closedBeforeResponse):
            mayHaveActed = true
            guard isSafeToRepeat else { return fail(.connectionLost) }
            if usesKeptConnection {
                attempts -= 1
                mustConnectAnew = true
                phase = .placing
                return .retryFresh
            }
            guard attempts < maxAttempts else { return fail(.connectionLost) }
            phase = .placing
            return .retry
        case (.sending, .broken):
            return fail(.badResponse)
        }
    }

    /// The head of a response is there.
    /// - Parameter othersLeft: whether another instance could be asked.
    /// - Returns: `retry` for a 503 when another instance may do better, else `ignore`: pass it on.
    mutating func responded(status: Int, othersLeft: Bool) -> Verdict {
        guard phase == .sending else { return .ignore }
        if status == 503, othersLeft, mayAskAnother {
            phase = .placing
            return .retry
        }
        phase = .responding
        return .ignore
    }

    /// - Parameter waitsForClient: whether it is the client's body that is missing.
    mutating func deadlinePassed(waitsForClient: Bool) -> Verdict {
        switch phase {
        case .placing, .sending: fail(waitsForClient && !requestComplete ? .bodyTimedOut : .timedOut)
        case .responding, .finished: .ignore
        }
    }

    /// Nothing moved for too long in a response that has begun.
    mutating func stalled() -> Verdict {
        guard phase == .responding else { return .ignore }
        phase = .finished
        return .truncate
    }

    /// The response is complete, or the client is gone, or the gateway refused the rest of the body.
    mutating func finish() {
        phase = .finished
    }

    private mutating func fail(_ failure: Failure) -> Verdict {
        phase = .finished
        return .fail(failure)
    }
}
