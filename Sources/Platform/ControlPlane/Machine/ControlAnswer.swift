import ApusEtcdAPI
import ApusKV

/// What a command came to, on the node that proposed it.
struct ControlAnswer: Sendable {
    var result: Result<ControlResponse, EtcdError>
    /// Of the store, after the command.
    var revision: Revision
}

enum ControlResponse: Sendable {
    case kv(CommandResponse)
    case auth(AuthResponse)
    case member(ClusterResponse)
    case alarm(AlarmResponse)
}
