public import ApusPrimitives

/// Answers something less when the call failed, and counts how often, so that the share of degraded answers is a number
/// and not a feeling.
public struct Fallback: Hashable, Sendable {
    /// Names the fallback in its errors.
    public let name: String
    /// Calls that succeeded.
    public private(set) var full = 0
    /// Calls that the fallback answered.
    public private(set) var degraded = 0
    /// Calls that neither answered.
    public private(set) var failed = 0

    /// What became of a call.
    public enum Outcome: Hashable, Sendable {
        case full, degraded, failed
    }

    public init(_ name: String = "fallback") {
        self.name = name
    }

    public mutating func record(_ outcome: Outcome) {
        switch outcome {
        case .full: full += 1
        case .degraded: degraded += 1
        case .failed: failed += 1
        }
    }

    /// Degraded answers among the answers, 0 to 1; 0 before there was one.
    public var degradedShare: Double {
        let answers = full + degraded
        return answers == 0 ? 0 : Double(degraded) / Double(answers)
    }

    /// Which errors a fallback answers unless told otherwise: all but a cancellation, because then nobody waits.
    public static func answers(_ error: any Error) -> Bool {
        !(error is CancellationError)
    }

    /// What is thrown when the fallback failed too: why the call did is the `cause`.
    func error(_ second: any Error, after first: any Error) -> ResilienceError {
        ResilienceError(
            code: .fallbackFailed, message: "the call failed, and so did its fallback: \(second)", policy: name,
            retryAfter: (first as? ResilienceError)?.retryAfter, cause: first)
    }
}

extension ResilienceError.Code {
    /// The call failed and its fallback did too; `cause` is the error of the call.
    public static let fallbackFailed = ResilienceError.Code(rawValue: "fallback-failed")
}

extension Locked where State == Fallback {
    /// Calls `body`, and `fallback` with its error when it throws.
    ///
    /// - Parameter answers: whether the fallback may answer for this error; other errors pass unchanged.
    /// - Throws: what `body` throws where the fallback may not answer; a `ResilienceError` with the code
    ///   `.fallbackFailed` when `fallback` throws; `CancellationError` when that is what it throws.
    public func run<Value>(
        answers: (any Error) -> Bool = Fallback.answers, _ body: () async throws -> Value,
        fallback: (_ error: any Error) async throws -> Value
    ) async throws -> Degradable<Value> {
        let failure: any Error
        do {
            let value = try await body()
            withLock { $0.record(.full) }
            return .full(value)
        } catch {
            failure = error
        }
        do {
            guard answers(failure) else { throw failure }
            do {
                let value = try await fallback(failure)
                withLock { $0.record(.degraded) }
                return .degraded(value, because: failure)
            } catch let second where !(second is CancellationError) {
                throw withLock { $0.error(second, after: failure) }
            }
        } catch {
            withLock { $0.record(.failed) }
            throw error
        }
    }
}
