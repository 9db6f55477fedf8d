import ApusEtcdAPI
import Foundation
import SwiftProtobuf

/// Leases never end by themselves within a trace: when that happens is each server's own.
extension TraceGenerator {
    mutating func leaseStep(_ user: String?) -> TraceStep {
        let service = EtcdService.lease
        let id = lease()
        let call: UnaryCall
        switch percent() {
        case ..<40:
            let ttl = chance(5) ? 9_000_000_001 : Int64.random(in: 10...80, using: &random) * 100
            call = UnaryCall(
                service, "LeaseGrant",
                EtcdLeaseGrantRequest.with {
                    $0.id = chance(2) ? -id : id
                    $0.ttl = ttl
                }, EtcdLeaseGrantResponse.self)
        case ..<55:
            call = UnaryCall(
                service, "LeaseRevoke", EtcdLeaseRevokeRequest.with { $0.id = id }, EtcdLeaseRevokeResponse.self)
        case ..<80:
            let keys = chance(60)
            call = UnaryCall(
                service, "LeaseTimeToLive",
                EtcdLeaseTimeToLiveRequest.with {
                    $0.id = id
                    $0.keys = keys
                }, EtcdLeaseTimeToLiveResponse.self)
        case ..<90:
            call = UnaryCall(service, "LeaseLeases", EtcdLeaseLeasesRequest(), EtcdLeaseLeasesResponse.self)
        default:
            call = UnaryCall(
                service, "LeaseKeepAlive", EtcdLeaseKeepAliveRequest.with { $0.id = id },
                EtcdLeaseKeepAliveResponse.self)
        }
        return .call(call, user: user)
    }

    /// Locks and elections, of few names and leases.
    mutating func claimStep(_ view: TraceView, _ user: String?) -> TraceStep {
        let name = Data(pick(["lock", "vote", ""]).utf8)
        let id = lease()
        let key = name + Data("/\(String(id, radix: 16))".utf8)
        let leader = EtcdLeaderKey.with {
            $0.name = name
            $0.key = key
            $0.lease = id
            $0.rev = Int64.random(in: max(0, view.revision - 15)...view.revision, using: &random)
        }
        switch percent() {
        case ..<30:
            return .claim(
                UnaryCall(
                    EtcdService.lock, "Lock",
                    EtcdLockRequest.with {
                        $0.name = name
                        $0.lease = id
                    }, EtcdLockResponse.self), user: user, name: name, lease: id)
        case ..<40:
            return .call(
                UnaryCall(EtcdService.lock, "Unlock", EtcdUnlockRequest.with { $0.key = key }, EtcdUnlockResponse.self),
                user: user)
        case ..<65:
            let value = value()
            return .claim(
                UnaryCall(
                    EtcdService.election, "Campaign",
                    EtcdCampaignRequest.with {
                        $0.name = name
                        $0.lease = id
                        $0.value = value
                    }, EtcdCampaignResponse.self), user: user, name: name, lease: id)
        case ..<75:
            let value = value()
            return .call(
                UnaryCall(
                    EtcdService.election, "Proclaim",
                    EtcdProclaimRequest.with {
                        $0.leader = leader
                        $0.value = value
                    }, EtcdProclaimResponse.self),
                // Binds a key to a lease, as a claim does.
                user: user == nil ? nil : "root")
        case ..<90:
            return .call(
                UnaryCall(
                    EtcdService.election, "Leader", EtcdLeaderRequest.with { $0.name = name }, EtcdLeaderResponse.self),
                user: user)
        default:
            return .call(
                UnaryCall(
                    EtcdService.election, "Resign", EtcdResignRequest.with { $0.leader = leader },
                    EtcdResignResponse.self), user: user)
        }
    }
}
