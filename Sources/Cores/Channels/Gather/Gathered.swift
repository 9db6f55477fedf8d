/// How many answers are enough.
public enum GatherGoal: Hashable, Sendable {
    /// The first answer.
    case first
    /// More than half.
    case majority
    /// This many, 0 or more.
    case quorum(Int)
    case all

    func needed(of count: Int) -> Int {
        switch self {
        case .first: 1
        case .majority: count / 2 + 1
        case .quorum(let number): number
        case .all: count
        }
    }
}

/// Why nobody was asked any longer.
public enum GatherEnding: Hashable, Sendable {
    /// There are as many answers as were needed.
    case enough
    /// So many failed that there can never be enough.
    case outOfReach
    case deadline
}

/// What came back from asking many: also when it is not enough, who answered, who failed and why, and who did neither.
public struct Gathered<Source: Sendable, Answer: Sendable>: Sendable {
    /// In the order in which they came.
    public let answers: [(source: Source, answer: Answer)]
    /// In the order in which they came.
    public let failures: [(source: Source, error: any Error)]
    /// Those who were cancelled because it was over before they answered, in the order in which they were given.
    public let unanswered: [Source]
    public let ending: GatherEnding

    public var isEnough: Bool { ending == .enough }

    /// The answers, if they are enough.
    ///
    /// - Throws: `NotEnoughAnswers`.
    public func enough() throws(NotEnoughAnswers) -> [Answer] {
        guard isEnough else {
            throw NotEnoughAnswers(
                ending: ending, answered: answers.count,
                failures: failures.map { (source: "\($0.source)", error: $0.error) },
                unanswered: unanswered.map { "\($0)" })
        }
        return answers.map(\.answer)
    }
}

/// Too few of those who were asked answered. Whether to ask again depends on what was asked: those who did not answer may
/// have done the work all the same.
public struct NotEnoughAnswers: Error, Sendable, CustomStringConvertible {
    public let ending: GatherEnding
    public let answered: Int
    public let failures: [(source: String, error: any Error)]
    public let unanswered: [String]

    public var description: String {
        let failed = failures.map { "\($0.source) failed: \($0.error)" }
        let silent = unanswered.isEmpty ? [] : ["no answer from \(unanswered.joined(separator: ", "))"]
        let why = ending == .deadline ? "at the deadline" : "and no more can come"
        return (["\(answered) answers, not enough, \(why)"] + failed + silent).joined(separator: "; ")
    }
}
