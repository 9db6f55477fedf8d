import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusRaft
import Logging

/// What every service of a member is given.
final class ControlCore: Sendable {
    let node: ReplicatedNode<ControlMachine>
    let settings: ControlPlaneSettings
    let identity: ClusterIdentity
    let tokens: AuthTokens
    let passwords: PasswordWorker
    let logger: Logger

    init(
        node: ReplicatedNode<ControlMachine>, settings: ControlPlaneSettings, identity: ClusterIdentity,
        tokens: AuthTokens, logger: Logger
    ) {
        self.node = node
        self.settings = settings
        self.identity = identity
        self.tokens = tokens
        passwords = PasswordWorker(cost: settings.bcryptCost)
        self.logger = logger
    }

    var clusterID: UInt64 { identity.clusterID }
    var memberID: UInt64 { identity.memberID }

    func header(_ revision: Revision) -> EtcdResponseHeader {
        var header = EtcdResponseHeader()
        header.clusterID = clusterID
        header.memberID = memberID
        header.revision = revision.rawValue
        header.raftTerm = node.standing.term.rawValue
        return header
    }
}
