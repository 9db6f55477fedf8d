import ApusPrimitives
import ApusResilience

extension Simulation {
    mutating func startCall(reloads: Int) {
        var draw = Double.random(in: 0..<1, using: &users)
        var priority = RequestPriority.normal
        for (candidate, share) in scenario.priorities {
            if draw < share {
                priority = candidate
                break
            }
            draw -= share
        }
        calls.append(Call(started: now, reloads: reloads, priority: priority))
        record.began()
        budget?.recordCall(at: now)
        startGroup(calls.count - 1)
    }

    /// One attempt of the retry, with the calls that a hedge makes of it.
    mutating func startGroup(_ call: Int) {
        calls[call].group += 1
        calls[call].groupStarted = now
        calls[call].groupSize = 0
        if let delay = hedge?.begin() {
            queue.schedule(.extraCall(call: call, group: calls[call].group), at: now + delay)
        }
        startAttempt(call)
    }

    mutating func startExtraCall(_ call: Int, _ group: Int) {
        guard !calls[call].isOver, calls[call].group == group, !calls[call].running.isEmpty else { return }
        guard hedge?.startExtraCall(calls[call].groupSize) == true else { return }
        startAttempt(call)
    }

    private mutating func startAttempt(_ call: Int) {
        calls[call].groupSize += 1
        var candidates = servers.indices.filter { breakers.isEmpty || breakers[$0].admits(at: now) }
        if candidates.isEmpty { candidates = Array(servers.indices) }
        let used = calls[call].running.map { attempts[$0].server }
        let fresh = candidates.filter { !used.contains($0) }
        let server = (fresh.isEmpty ? candidates : fresh).randomElement(using: &client)!
        var permit: CircuitBreaker.Permit?
        if !breakers.isEmpty {
            do { permit = try breakers[server].acquire(at: now) } catch {
                record.lastRefusal = now - .zero
                return again(call, .refused(error))
            }
        }
        let attempt = attempts.count
        attempts.append(Attempt(call: call, server: server, number: calls[call].groupSize, permit: permit))
        calls[call].running.append(attempt)
        queue.schedule(.timeout(attempt: attempt), at: now + scenario.attemptTimeout)
        receive(attempt, on: server)
    }

    mutating func succeed(_ attempt: Int) {
        guard end(attempt, .success) else { return }
        let call = attempts[attempt].call
        hedge?.recordFirstCall(now - calls[call].groupStarted, wasOvertaken: attempts[attempt].number > 1)
        for other in calls[call].running { _ = end(other, .ignored) }
        finish(call, success: true)
    }

    mutating func fail(_ attempt: Int, _ failure: Failure) {
        // A refusal for overload is an answer of a callee that is well: what keeps its load down is the limit.
        let outcome: CircuitBreaker.Outcome = if case .refused = failure { .ignored } else { .failure }
        guard end(attempt, outcome) else { return }
        again(attempts[attempt].call, failure)
    }

    /// False when it had ended before.
    private mutating func end(_ attempt: Int, _ outcome: CircuitBreaker.Outcome) -> Bool {
        guard !attempts[attempt].isOver else { return false }
        attempts[attempt].isOver = true
        calls[attempts[attempt].call].running.removeAll { $0 == attempt }
        if let permit = attempts[attempt].permit {
            breakers[attempts[attempt].server].record(permit, outcome, at: now)
        }
        if scenario.policies.passesDeadline, let place = attempts[attempt].place {
            // The server has the deadline too, and is told when the client gives up.
            attempts[attempt].place = nil
            servers[attempts[attempt].server].limit?.release(place, outcome == .failure ? .dropped : .ignored, at: now)
        }
        record.note(now.nanoseconds, Int64(attempt), outcome == .success ? 1 : 0)
        return true
    }

    private mutating func again(_ call: Int, _ failure: Failure) {
        guard calls[call].running.isEmpty else { return }
        let decision: RetryDecision =
            switch failure {
            case .refused(let error) where error.code == .circuitOpen: .stop
            case .refused(let error): .standard(error)
            case .timedOut, .failed: .retry
            }
        let next = scenario.policies.retry.next(
            afterAttempt: calls[call].group, decision: decision, previous: calls[call].wait, using: &client)
        guard case .wait(let wait) = next, budget?.withdraw(at: now) != false else {
            return finish(call, success: false)
        }
        calls[call].wait = wait
        queue.schedule(.attempt(call: call), at: now + wait)
    }

    private mutating func finish(_ call: Int, success: Bool) {
        calls[call].isOver = true
        record.ended(success, calls[call].priority, from: calls[call].started, at: now)
        if !success, calls[call].reloads < 5, Double.random(in: 0..<1, using: &client) < scenario.impatience {
            let after = Duration.seconds(Double.random(in: 1...3, using: &client))
            queue.schedule(.request(reloads: calls[call].reloads + 1), at: now + after)
        } else if case .closed(_, let thinking) = scenario.load {
            queue.schedule(.request(reloads: 0), at: now + .seconds(client.exponential(mean: thinking.seconds)))
        }
    }
}
