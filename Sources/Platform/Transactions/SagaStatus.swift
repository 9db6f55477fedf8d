public import Foundation

/// Where a saga as a whole stands.
public enum SagaPhase: String, Hashable, Sendable, Codable {
    /// To `succeeded`, `compensating` or `stuck`.
    case running
    /// To `compensated` or `stuck`.
    case compensating
    /// Every step is done. Final.
    case succeeded
    /// Every step that was or may have been done is undone. Final.
    case compensated
    /// The program cannot go on with it, because its definition changed; back to where it was once it can.
    case stuck

    public var isFinal: Bool { self == .succeeded || self == .compensated }
}

/// Where a step of a saga stands.
public enum SagaStepPhase: String, Hashable, Sendable, Codable {
    /// To `running` or `skipped`.
    case pending
    /// To `succeeded` or `failed`; also while it waits for its next attempt.
    case running
    /// To `compensating`, or final.
    case succeeded
    /// To `compensating` when it may have been done, or final.
    case failed
    /// To `compensated`; also while it waits for its next attempt.
    case compensating
    /// Final.
    case compensated
    /// Never begun, because a step before it failed. Final.
    case skipped
}

/// A saga as its database shows it.
public struct SagaStatus: Hashable, Sendable, Codable, Identifiable {
    public let id: String
    public let name: String
    public let phase: SagaPhase
    public let steps: [SagaStepStatus]
    /// Why it is compensated, or stuck.
    public let error: String?
    /// The instance that works on it now; nil while it waits or has ended.
    public let owner: String?
    public let fencingToken: Int64
    public let startedAt: Date
    public let endedAt: Date?
}

public struct SagaStepStatus: Hashable, Sendable, Codable {
    public let name: String
    public let phase: SagaStepPhase
    /// How often the action was begun.
    public let attempts: Int
    public let compensationAttempts: Int
    /// What the last failed attempt said.
    public let error: String?
    public let startedAt: Date?
    /// When the action ended for good, or else its compensation did.
    public let endedAt: Date?
    /// When the next attempt is due, while it waits for it.
    public let retryAt: Date?
}
