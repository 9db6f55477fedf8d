public import ApusCoordination
import ApusEtcdAPI
public import ApusGRPC
import ApusPrimitives

extension CoordinationError.Code {
    /// The user may not do that.
    public static let permissionDenied = Self(rawValue: "permission denied")
    /// The control plane does not know the user, or not with this password.
    public static let unauthenticated = Self(rawValue: "unauthenticated")
}

extension CoordinationError {
    /// What a call of `EtcdClient` threw.
    ///
    /// - Parameter isWrite: it may have changed something, unless the error says that it did not.
    public init(_ error: GRPCError, isWrite: Bool) {
        let code = Code(error)
        let mayHaveHappened = isWrite && error.mayHaveRun
        var message = error.message
        if message.hasPrefix("etcdserver: ") { message.removeFirst("etcdserver: ".count) }
        let passes: Set<Code> = [.unavailable, .timeout, .overloaded]
        self.init(
            code, message, retry: passes.contains(code) ? .after(.milliseconds(100)) : .never,
            mayHaveHappened: mayHaveHappened, cause: error)
    }
}

extension CoordinationError.Code {
    fileprivate init(_ error: GRPCError) {
        let known = EtcdError(error.code, error.message)
        if let code = Self.known[known] {
            self = code
            return
        }
        self =
            switch error.code {
            case .deadlineExceeded: .timeout
            case .resourceExhausted: .overloaded
            case .permissionDenied: .permissionDenied
            case .unauthenticated: .unauthenticated
            case .dataLoss: .corrupt
            case .invalidArgument, .failedPrecondition, .outOfRange, .notFound, .alreadyExists, .unimplemented:
                .invalidRequest
            default: .unavailable
            }
    }

    private static let known: [EtcdError: Self] = [
        .compacted: .compacted, .futureRevision: .futureRevision, .leaseNotFound: .leaseNotFound,
        .leaseExists: .leaseExists, .keyNotFound: .keyNotFound, .noSpace: .noSpace,
        .authenticationFailed: .unauthenticated,
        .userEmpty: .unauthenticated, .timeout: .timeout, .timeoutDueToLeaderFailure: .timeout,
        .timeoutDueToLostConnection: .timeout, .oldAuthRevision: .unavailable,
    ]
}
