import ApusEtcdAPI

extension GatewayRoute {
    /// The paths of etcd 3.5.1's gateway, and that of `hashkv`, which it lost.
    static let byPath: [String: GatewayRoute] = kv.merging(lease) { $1 }.merging(cluster) { $1 }.merging(auth) { $1 }
        .merging(concurrency) { $1 }

    private static let kv: [String: GatewayRoute] = [
        "/v3/kv/range": .init("\(EtcdService.kv)/Range", EtcdRangeRequest.self, EtcdRangeResponse.self),
        "/v3/kv/put": .init("\(EtcdService.kv)/Put", EtcdPutRequest.self, EtcdPutResponse.self),
        "/v3/kv/deleterange": .init(
            "\(EtcdService.kv)/DeleteRange", EtcdDeleteRangeRequest.self, EtcdDeleteRangeResponse.self),
        "/v3/kv/txn": .init("\(EtcdService.kv)/Txn", EtcdTxnRequest.self, EtcdTxnResponse.self),
        "/v3/kv/compaction": .init(
            "\(EtcdService.kv)/Compact", EtcdCompactionRequest.self, EtcdCompactionResponse.self),
        "/v3/watch": .init(
            "\(EtcdService.watch)/Watch", EtcdWatchRequest.self, EtcdWatchResponse.self, takesStream: true),
    ]

    private static let revoke = GatewayRoute(
        "\(EtcdService.lease)/LeaseRevoke", EtcdLeaseRevokeRequest.self, EtcdLeaseRevokeResponse.self)
    private static let timeToLive = GatewayRoute(
        "\(EtcdService.lease)/LeaseTimeToLive", EtcdLeaseTimeToLiveRequest.self, EtcdLeaseTimeToLiveResponse.self)
    private static let leases = GatewayRoute(
        "\(EtcdService.lease)/LeaseLeases", EtcdLeaseLeasesRequest.self, EtcdLeaseLeasesResponse.self)

    private static let lease: [String: GatewayRoute] = [
        "/v3/lease/grant": .init(
            "\(EtcdService.lease)/LeaseGrant", EtcdLeaseGrantRequest.self, EtcdLeaseGrantResponse.self),
        "/v3/lease/revoke": revoke,
        "/v3/kv/lease/revoke": revoke,
        "/v3/lease/keepalive": .init(
            "\(EtcdService.lease)/LeaseKeepAlive", EtcdLeaseKeepAliveRequest.self, EtcdLeaseKeepAliveResponse.self,
            takesStream: true),
        "/v3/lease/timetolive": timeToLive,
        "/v3/kv/lease/timetolive": timeToLive,
        "/v3/lease/leases": leases,
        "/v3/kv/lease/leases": leases,
    ]

    private static let cluster: [String: GatewayRoute] = [
        "/v3/cluster/member/add": .init(
            "\(EtcdService.cluster)/MemberAdd", EtcdMemberAddRequest.self, EtcdMemberAddResponse.self),
        "/v3/cluster/member/remove": .init(
            "\(EtcdService.cluster)/MemberRemove", EtcdMemberRemoveRequest.self, EtcdMemberRemoveResponse.self),
        "/v3/cluster/member/update": .init(
            "\(EtcdService.cluster)/MemberUpdate", EtcdMemberUpdateRequest.self, EtcdMemberUpdateResponse.self),
        "/v3/cluster/member/list": .init(
            "\(EtcdService.cluster)/MemberList", EtcdMemberListRequest.self, EtcdMemberListResponse.self),
        "/v3/cluster/member/promote": .init(
            "\(EtcdService.cluster)/MemberPromote", EtcdMemberPromoteRequest.self, EtcdMemberPromoteResponse.self),
        "/v3/maintenance/alarm": .init(
            "\(EtcdService.maintenance)/Alarm", EtcdAlarmRequest.self, EtcdAlarmResponse.self),
        "/v3/maintenance/status": .init(
            "\(EtcdService.maintenance)/Status", EtcdStatusRequest.self, EtcdStatusResponse.self),
        "/v3/maintenance/defragment": .init(
            "\(EtcdService.maintenance)/Defragment", EtcdDefragmentRequest.self, EtcdDefragmentResponse.self),
        "/v3/maintenance/hash": .init("\(EtcdService.maintenance)/Hash", EtcdHashRequest.self, EtcdHashResponse.self),
        "/v3/maintenance/hashkv": .init(
            "\(EtcdService.maintenance)/HashKV", EtcdHashKVRequest.self, EtcdHashKVResponse.self),
        "/v3/maintenance/snapshot": .init(
            "\(EtcdService.maintenance)/Snapshot", EtcdSnapshotRequest.self, EtcdSnapshotResponse.self),
        "/v3/maintenance/transfer-leadership": .init(
            "\(EtcdService.maintenance)/MoveLeader", EtcdMoveLeaderRequest.self, EtcdMoveLeaderResponse.self),
        "/v3/maintenance/downgrade": .init(
            "\(EtcdService.maintenance)/Downgrade", EtcdDowngradeRequest.self, EtcdDowngradeResponse.self),
    ]

    private static let auth: [String: GatewayRoute] = [
        "/v3/auth/enable": .init(
            "\(EtcdService.auth)/AuthEnable", EtcdAuthEnableRequest.self, EtcdAuthEnableResponse.self),
        "/v3/auth/disable": .init(
            "\(EtcdService.auth)/AuthDisable", EtcdAuthDisableRequest.self, EtcdAuthDisableResponse.self),
        "/v3/auth/status": .init(
            "\(EtcdService.auth)/AuthStatus", EtcdAuthStatusRequest.self, EtcdAuthStatusResponse.self),
        "/v3/auth/authenticate": .init(
            "\(EtcdService.auth)/Authenticate", EtcdAuthenticateRequest.self, EtcdAuthenticateResponse.self),
        "/v3/auth/user/add": .init(
            "\(EtcdService.auth)/UserAdd", EtcdAuthUserAddRequest.self, EtcdAuthUserAddResponse.self),
        "/v3/auth/user/get": .init(
            "\(EtcdService.auth)/UserGet", EtcdAuthUserGetRequest.self, EtcdAuthUserGetResponse.self),
        "/v3/auth/user/list": .init(
            "\(EtcdService.auth)/UserList", EtcdAuthUserListRequest.self, EtcdAuthUserListResponse.self),
        "/v3/auth/user/delete": .init(
            "\(EtcdService.auth)/UserDelete", EtcdAuthUserDeleteRequest.self, EtcdAuthUserDeleteResponse.self),
        "/v3/auth/user/changepw": .init(
            "\(EtcdService.auth)/UserChangePassword", EtcdAuthUserChangePasswordRequest.self,
            EtcdAuthUserChangePasswordResponse.self),
        "/v3/auth/user/grant": .init(
            "\(EtcdService.auth)/UserGrantRole", EtcdAuthUserGrantRoleRequest.self, EtcdAuthUserGrantRoleResponse.self),
        "/v3/auth/user/revoke": .init(
            "\(EtcdService.auth)/UserRevokeRole", EtcdAuthUserRevokeRoleRequest.self,
            EtcdAuthUserRevokeRoleResponse.self),
        "/v3/auth/role/add": .init(
            "\(EtcdService.auth)/RoleAdd", EtcdAuthRoleAddRequest.self, EtcdAuthRoleAddResponse.self),
        "/v3/auth/role/get": .init(
            "\(EtcdService.auth)/RoleGet", EtcdAuthRoleGetRequest.self, EtcdAuthRoleGetResponse.self),
        "/v3/auth/role/list": .init(
            "\(EtcdService.auth)/RoleList", EtcdAuthRoleListRequest.self, EtcdAuthRoleListResponse.self),
        "/v3/auth/role/delete": .init(
            "\(EtcdService.auth)/RoleDelete", EtcdAuthRoleDeleteRequest.self, EtcdAuthRoleDeleteResponse.self),
        "/v3/auth/role/grant": .init(
            "\(EtcdService.auth)/RoleGrantPermission", EtcdAuthRoleGrantPermissionRequest.self,
            EtcdAuthRoleGrantPermissionResponse.self),
        "/v3/auth/role/revoke": .init(
            "\(EtcdService.auth)/RoleRevokePermission", EtcdAuthRoleRevokePermissionRequest.self,
            EtcdAuthRoleRevokePermissionResponse.self),
    ]

    private static let concurrency: [String: GatewayRoute] = [
        "/v3/lock/lock": .init("\(EtcdService.lock)/Lock", EtcdLockRequest.self, EtcdLockResponse.self),
        "/v3/lock/unlock": .init("\(EtcdService.lock)/Unlock", EtcdUnlockRequest.self, EtcdUnlockResponse.self),
        "/v3/election/campaign": .init(
            "\(EtcdService.election)/Campaign", EtcdCampaignRequest.self, EtcdCampaignResponse.self),
        "/v3/election/proclaim": .init(
            "\(EtcdService.election)/Proclaim", EtcdProclaimRequest.self, EtcdProclaimResponse.self),
        "/v3/election/leader": .init(
            "\(EtcdService.election)/Leader", EtcdLeaderRequest.self, EtcdLeaderResponse.self),
        "/v3/election/observe": .init(
            "\(EtcdService.election)/Observe", EtcdLeaderRequest.self, EtcdLeaderResponse.self),
        "/v3/election/resign": .init(
            "\(EtcdService.election)/Resign", EtcdResignRequest.self, EtcdResignResponse.self),
    ]
}
