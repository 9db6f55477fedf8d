public import ApusKV
public import ApusPrimitives

/// Why a coordination store did not do what it was asked for, and what the caller may do about it.
public struct CoordinationError: Error, Sendable {
    /// What went wrong, for a program. Open: a store may have codes of its own.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The store cannot be reached or does not answer.
        public static let unavailable = Code(rawValue: "unavailable")
        /// The store did not answer in time.
        public static let timeout = Code(rawValue: "timeout")
        /// The revision is no longer kept; `compactRevision` is the first that is.
        public static let compacted = Code(rawValue: "compacted")
        /// The revision is not reached yet.
        public static let futureRevision = Code(rawValue: "future revision")
        /// The lease expired, was revoked or never was.
        public static let leaseNotFound = Code(rawValue: "lease not found")
        /// A lease with this identifier is there already.
        public static let leaseExists = Code(rawValue: "lease exists")
        /// The request contradicts itself or is over a limit; the same request fails again.
        public static let invalidRequest = Code(rawValue: "invalid request")
        /// The request needs a key that is not there.
        public static let keyNotFound = Code(rawValue: "key not found")
        /// The store has more waiting than it accepts.
        public static let overloaded = Code(rawValue: "overloaded")
        /// The disk is full. Reads go on; writes work again when there is space.
        public static let noSpace = Code(rawValue: "no space")
        /// The disk failed: what was acknowledged is kept, reads go on, nothing can be written until a restart.
        public static let failed = Code(rawValue: "failed")
        /// What is on disk is not what was written; `message` names the file and the offset.
        public static let corrupt = Code(rawValue: "corrupt")
        /// Another process has the folder open.
        public static let locked = Code(rawValue: "locked")
        /// The store was closed.
        public static let closed = Code(rawValue: "closed")
    }

    public var code: Code
    /// For a person.
    public var message: String
    public var retry: RetryAdvice
    /// The request was a write whose outcome is not known.
    public var mayHaveHappened: Bool
    /// With `.compacted`: the oldest revision that can still be read.
    public var compactRevision: Revision?
    public var cause: (any Error)?

    public init(
        _ code: Code, _ message: String, retry: RetryAdvice = .never, mayHaveHappened: Bool = false,
        compactRevision: Revision? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.retry = retry
        self.mayHaveHappened = mayHaveHappened
        self.compactRevision = compactRevision
        self.cause = cause
    }

    /// The changes before `revision` are no longer kept.
    public static func compacted(_ revision: Revision) -> CoordinationError {
        CoordinationError(
            .compacted, "the history before revision \(revision.rawValue) is no longer kept: read the range again",
            compactRevision: revision)
    }
}

extension CoordinationError: CustomStringConvertible {
    public var description: String {
        let reason = cause.map { " (\($0))" } ?? ""
        return "\(code.rawValue): \(message)\(reason)"
    }
}

extension CoordinationError {
    /// What the key-value core says, with the code a caller of a store branches on.
    public init(_ error: KVError) {
        let code: Code =
            switch error.code {
            case .compacted: .compacted
            case .futureRevision: .futureRevision
            case .leaseNotFound: .leaseNotFound
            case .leaseExists: .leaseExists
            case .keyNotFound: .keyNotFound
            default: .invalidRequest
            }
        self.init(code, error.message, compactRevision: error.compactRevision, cause: error)
    }
}
