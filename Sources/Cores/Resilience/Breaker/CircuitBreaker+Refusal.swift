import ApusPrimitives

/// What a breaker that refuses says: which numbers it saw, and when to try again.
extension CircuitBreaker {
    func refusal(_ verdict: Verdict, wait: Duration) -> ResilienceError {
        let counts = verdict.counts
        let calls: String =
            switch configuration.window {
            case .calls: "the last \(counts.calls) calls"
            case .time: "\(counts.calls) recent calls"
            }
        let what =
            if let duration = verdict.slowerThan {
                "\(counts.slow) of \(calls) took longer than \(duration)"
            } else {
                "\(counts.failures) of \(calls) failed"
            }
        let limit = verdict.threshold * 100
        return ResilienceError(
            code: .circuitOpen, message: "open: \(what), the limit is \(limit) %; next probe in \(wait)", policy: name,
            retryAfter: wait)
    }

    func refusal(_ probes: Probes, at now: MonotonicTime) -> ResilienceError {
        let ended = probes.ended
        return ResilienceError(
            code: .circuitOpen,
            message: "half-open: \(probes.running) probes are under way, "
                + "\(ended.calls - ended.failures) succeeded and \(ended.failures) failed of \(probes.limit)",
            policy: name, retryAfter: probes.nextPlace(at: now))
    }

    func refusalByHand() -> ResilienceError {
        ResilienceError(code: .circuitOpen, message: "held open by hand until somebody closes it", policy: name)
    }
}
