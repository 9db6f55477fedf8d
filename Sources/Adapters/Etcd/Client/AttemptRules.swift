import ApusEtcdAPI
import ApusGRPC

/// What follows from a failed attempt of a call. Pure.
enum NextAttempt: Hashable {
    /// The caller is told.
    case none
    /// At the next endpoint: this one cannot be reached, or has no leader.
    case elsewhere
    /// After a moment, at the same one: the server asks for patience.
    case again
    /// With a new token.
    case withNewToken

    /// - Parameter hasUser: there is a name and a password to get a token for.
    init(after error: GRPCError, effect: EtcdMethod.Effect, hasUser: Bool) {
        let known = EtcdError(error.code, error.message)
        if known == .invalidAuthToken || known == .userEmpty {
            self = hasUser ? .withNewToken : .none
        } else if known == .oldAuthRevision {
            // Without a user the name comes from a certificate: the roles changed meanwhile, and the next attempt sees them.
            self = hasUser ? .withNewToken : .again
        } else if effect == .once && error.mayHaveRun {
            self = .none
        } else {
            switch error.code {
            case .unavailable: self = .elsewhere
            // The attempt's own deadline, or a reset: the call's is looked at before the next attempt.
            case .deadlineExceeded, .cancelled: self = effect == .none ? .elsewhere : .none
            case .unknown, .internalError:
                self = known == .proposalDropped || error.reach != .answered ? .elsewhere : .none
            case .resourceExhausted: self = known == .tooManyRequests ? .again : .none
            default: self = .none
            }
        }
    }
}

extension GRPCError {
    /// Whether a request that changes something may have done so.
    var mayHaveRun: Bool {
        switch reach {
        case .notSent, .refused: return false
        case .unknown: return true
        case .answered:
            switch code {
            case .unavailable, .unknown, .internalError, .cancelled, .deadlineExceeded, .dataLoss, .aborted:
                // Refused before it was proposed.
                let known = EtcdError(code, message)
                return known != .noLeader && known != .proposalDropped && known != .unhealthy
            default: return false
            }
        }
    }
}

extension EtcdError {
    /// Raft's own, which etcd hands on: there was no leader to propose to.
    static let proposalDropped = EtcdError(.unknown, "raft proposal dropped")
}
