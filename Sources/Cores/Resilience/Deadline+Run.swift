import ApusPrimitives

extension Deadline {
    private enum Finish<Value: Sendable>: Sendable {
        case body(Result<Value, any Error>)
        case timer
    }

    /// Runs `body` with the earlier of `Deadline.current` and this deadline as its `Deadline.current`.
    ///
    /// When the deadline passes, `body` and every task below it is cancelled. `run` is structured: it returns when
    /// `body` has ended, so a body that ignores cancellation holds it up, and gets the error all the same. The clock
    /// decides, not the race: whatever `body` returns or throws after the deadline is replaced by the error, whose
    /// `cause` is what `body` threw. Before the deadline, its value and its errors pass unchanged. When the deadline has
    /// passed already, `body` does not start.
    ///
    /// - Throws: `ResilienceError` with the code `.deadlineExceeded`, or what `body` throws.
    public func run<Value: Sendable>(
        on time: TimeSource = .continuous, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let deadline = Self.current.map { min($0, self) } ?? self
        let start = time.now()
        if deadline.hasPassed(at: start) { throw deadline.error(at: start) }

        let outcome = await withoutActuallyEscaping(body) { body in
            await deadline.outcome(of: body, on: time)
        }
        let end = time.now()
        guard deadline.hasPassed(at: end) else { return try outcome.get() }
        switch outcome {
        case .success: throw deadline.error(at: end)
        case .failure(let error): throw deadline.error(at: end, cause: error)
        }
    }

    private func outcome<Value: Sendable>(
        of body: @escaping @Sendable () async throws -> Value, on time: TimeSource
    ) async -> Result<Value, any Error> {
        await withTaskGroup(of: Finish<Value>.self) { group in
            // Immediate, which saves a hop; the body is not, or it could hold up whoever cancels it.
            group.addImmediateTask {
                try? await time.sleep(until: expires)
                return .timer
            }
            group.addTask {
                await Self.$current.withValue(self) {
                    do {
                        return .body(.success(try await body()))
                    } catch {
                        return .body(.failure(error))
                    }
                }
            }
            // The first to finish ends the other; the timer only ends early when the whole group is cancelled.
            while let finish = await group.next() {
                group.cancelAll()
                if case .body(let outcome) = finish { return outcome }
            }
            return .failure(CancellationError())
        }
    }
}
