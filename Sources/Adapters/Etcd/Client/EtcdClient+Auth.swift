public import ApusEtcdAPI

/// The service of users, roles and what these may do.
extension EtcdClient {
    public func authEnable() async throws -> EtcdAuthEnableResponse {
        try await unary(.auth("AuthEnable"), EtcdAuthEnableRequest())
    }

    public func authDisable() async throws -> EtcdAuthDisableResponse {
        try await unary(.auth("AuthDisable"), EtcdAuthDisableRequest())
    }

    public func authStatus() async throws -> EtcdAuthStatusResponse {
        try await unary(.auth("AuthStatus", .none), EtcdAuthStatusRequest())
    }

    public func userAdd(_ request: EtcdAuthUserAddRequest) async throws -> EtcdAuthUserAddResponse {
        try await unary(.auth("UserAdd"), request)
    }

    public func userGet(_ request: EtcdAuthUserGetRequest) async throws -> EtcdAuthUserGetResponse {
        try await unary(.auth("UserGet", .none), request)
    }

    public func userList() async throws -> EtcdAuthUserListResponse {
        try await unary(.auth("UserList", .none), EtcdAuthUserListRequest())
    }

    public func userDelete(_ request: EtcdAuthUserDeleteRequest) async throws -> EtcdAuthUserDeleteResponse {
        try await unary(.auth("UserDelete"), request)
    }

    public func userChangePassword(
        _ request: EtcdAuthUserChangePasswordRequest
    ) async throws -> EtcdAuthUserChangePasswordResponse {
        try await unary(.auth("UserChangePassword"), request)
    }

    public func userGrantRole(_ request: EtcdAuthUserGrantRoleRequest) async throws -> EtcdAuthUserGrantRoleResponse {
        try await unary(.auth("UserGrantRole"), request)
    }

    public func userRevokeRole(
        _ request: EtcdAuthUserRevokeRoleRequest
    ) async throws -> EtcdAuthUserRevokeRoleResponse {
        try await unary(.auth("UserRevokeRole"), request)
    }

    public func roleAdd(_ request: EtcdAuthRoleAddRequest) async throws -> EtcdAuthRoleAddResponse {
        try await unary(.auth("RoleAdd"), request)
    }

    public func roleGet(_ request: EtcdAuthRoleGetRequest) async throws -> EtcdAuthRoleGetResponse {
        try await unary(.auth("RoleGet", .none), request)
    }

    public func roleList() async throws -> EtcdAuthRoleListResponse {
        try await unary(.auth("RoleList", .none), EtcdAuthRoleListRequest())
    }

    public func roleDelete(_ request: EtcdAuthRoleDeleteRequest) async throws -> EtcdAuthRoleDeleteResponse {
        try await unary(.auth("RoleDelete"), request)
    }

    public func roleGrantPermission(
        _ request: EtcdAuthRoleGrantPermissionRequest
    ) async throws -> EtcdAuthRoleGrantPermissionResponse {
        try await unary(.auth("RoleGrantPermission"), request)
    }

    public func roleRevokePermission(
        _ request: EtcdAuthRoleRevokePermissionRequest
    ) async throws -> EtcdAuthRoleRevokePermissionResponse {
        try await unary(.auth("RoleRevokePermission"), request)
    }
}
