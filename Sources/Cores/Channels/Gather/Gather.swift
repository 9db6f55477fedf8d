import ApusPrimitives

/// Asks many at once, and waits for the first answer, a quorum or all: scatter and gather.
///
/// ```swift
/// let found = try await gather(from: replicas, until: .majority, within: .milliseconds(200)) { replica in
///     try await replica.read(key)
/// }
/// let values = try found.enough()
/// ```
///
/// As soon as there are enough answers, or there can no longer be, or the time is up, those who have not answered are
/// cancelled. It returns when they have ended, so `ask` must react to cancellation.
///
/// - Parameters:
///   - sources: whom to ask, each by a task of its own.
///   - goal: how many answers are enough.
///   - limit: how long to wait; nil for as long as it takes.
/// - Throws: `CancellationError` when the caller is cancelled before there are enough; too few answers are a result and
///   not an error.
public func gather<Source: Sendable, Answer: Sendable>(
    from sources: [Source], until goal: GatherGoal = .all, within limit: Duration? = nil,
    time: TimeSource = .continuous, _ ask: @escaping @Sendable (Source) async throws -> Answer
) async throws -> Gathered<Source, Answer> {
    let deadline = limit.map { time.now() + $0 }
    var state = GatherState<Answer>(asked: sources.count, needed: goal.needed(of: sources.count))
    await withTaskGroup(of: GatherEvent<Answer>.self) { group in
        guard state.ending == nil else { return }
        for (index, source) in sources.enumerated() {
            group.addTask {
                do { return .answered(index, try await ask(source)) } catch { return .failed(index, error) }
            }
        }
        if let deadline {
            group.addTask {
                try? await time.sleep(until: deadline)
                return .deadlinePassed
            }
        }
        while state.ending == nil, let event = await group.next() {
            switch event {
            case .answered(let index, let answer): state.answered(index, answer)
            case .failed(let index, let error): state.failed(index, error)
            case .deadlinePassed: state.deadlinePassed()
            }
        }
        group.cancelAll()
    }
    if state.ending != .enough { try Task.checkCancellation() }
    return Gathered(
        answers: state.answers.map { (source: sources[$0.index], answer: $0.answer) },
        failures: state.failures.map { (source: sources[$0.index], error: $0.error) },
        unanswered: state.silent.map { sources[$0] }, ending: state.ending ?? .outOfReach)
}

private enum GatherEvent<Answer: Sendable>: Sendable {
    case answered(Int, Answer)
    case failed(Int, any Error)
    case deadlinePassed
}
