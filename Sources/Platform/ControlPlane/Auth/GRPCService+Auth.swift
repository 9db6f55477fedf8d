import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import Foundation
import SwiftProtobuf

extension GRPCService {
    /// etcd's Auth service.
    static func auth(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.auth) { service in
            addSwitches(to: &service, core)
            addUsers(to: &service, core)
            addRoles(to: &service, core)
        }
    }

    private static func addSwitches(to service: inout GRPCService, _ core: ControlCore) {
        service.unary("AuthEnable", by: core) { (_: EtcdAuthEnableRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.enable, caller)
            return EtcdAuthEnableResponse.with { $0.header = header }
        }
        service.unary("AuthDisable", by: core) { (_: EtcdAuthDisableRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.disable, caller)
            return EtcdAuthDisableResponse.with { $0.header = header }
        }
        service.unary("AuthStatus", by: core) { (_: EtcdAuthStatusRequest, caller) async throws(EtcdError) in
            try await core.look { machine throws(EtcdError) in
                try machine.auth.checkRoot(caller)
                return EtcdAuthStatusResponse.with {
                    $0.header = core.header(machine.store.revision)
                    $0.enabled = machine.auth.isEnabled
                    $0.authRevision = machine.auth.revision
                }
            }
        }
        // Nobody needs a token to get one.
        service.unary("Authenticate") { (request: EtcdAuthenticateRequest, _) in
            do throws(EtcdError) {
                return try await core.authenticate(request.name, request.password)
            } catch {
                throw error.status
            }
        }
    }

    private static func addUsers(to service: inout GRPCService, _ core: ControlCore) {
        service.unary("UserAdd", by: core) { (request: EtcdAuthUserAddRequest, caller) async throws(EtcdError) in
            let hasNoPassword = request.options.noPassword
            let hash = hasNoPassword ? .empty : try await core.passwords.hash(request.password)
            let header = try await core.change(
                .addUser(name: request.name, passwordHash: hash, hasNoPassword: hasNoPassword), caller)
            return EtcdAuthUserAddResponse.with { $0.header = header }
        }
        service.unary("UserGet", by: core) { (request: EtcdAuthUserGetRequest, caller) async throws(EtcdError) in
            try await core.look { machine throws(EtcdError) in
                try machine.auth.check(caller, lookAtUser: request.name)
                guard let user = machine.auth.users[request.name] else { throw .userNotFound }
                return EtcdAuthUserGetResponse.with {
                    $0.header = core.header(machine.store.revision)
                    $0.roles = user.roles
                }
            }
        }
        service.unary("UserList", by: core) { (_: EtcdAuthUserListRequest, caller) async throws(EtcdError) in
            try await core.look { machine throws(EtcdError) in
                try machine.auth.checkRoot(caller)
                return EtcdAuthUserListResponse.with {
                    $0.header = core.header(machine.store.revision)
                    $0.users = machine.auth.sortedUsers.map(\.name)
                }
            }
        }
        service.unary("UserDelete", by: core) { (request: EtcdAuthUserDeleteRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.deleteUser(name: request.name), caller)
            return EtcdAuthUserDeleteResponse.with { $0.header = header }
        }
        service.unary("UserChangePassword", by: core) {
            (request: EtcdAuthUserChangePasswordRequest, caller) async throws(EtcdError) in
            let hash = try await core.passwordHash(request)
            let header = try await core.change(.changePassword(name: request.name, passwordHash: hash), caller)
            return EtcdAuthUserChangePasswordResponse.with { $0.header = header }
        }
        service.unary("UserGrantRole", by: core) {
            (request: EtcdAuthUserGrantRoleRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.grantRole(user: request.user, role: request.role), caller)
            return EtcdAuthUserGrantRoleResponse.with { $0.header = header }
        }
        service.unary("UserRevokeRole", by: core) {
            (request: EtcdAuthUserRevokeRoleRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.revokeRole(user: request.name, role: request.role), caller)
            return EtcdAuthUserRevokeRoleResponse.with { $0.header = header }
        }
    }

    private static func addRoles(to service: inout GRPCService, _ core: ControlCore) {
        service.unary("RoleAdd", by: core) { (request: EtcdAuthRoleAddRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.addRole(name: request.name), caller)
            return EtcdAuthRoleAddResponse.with { $0.header = header }
        }
        service.unary("RoleGet", by: core) { (request: EtcdAuthRoleGetRequest, caller) async throws(EtcdError) in
            try await core.look { machine throws(EtcdError) in
                try machine.auth.check(caller, lookAtRole: request.role)
                guard let role = machine.auth.roles[request.role] else { throw .roleNotFound }
                return EtcdAuthRoleGetResponse.with {
                    $0.header = core.header(machine.store.revision)
                    $0.perm = role.permissions.map(EtcdPermission.init)
                }
            }
        }
        service.unary("RoleList", by: core) { (_: EtcdAuthRoleListRequest, caller) async throws(EtcdError) in
            try await core.look { machine throws(EtcdError) in
                try machine.auth.checkRoot(caller)
                return EtcdAuthRoleListResponse.with {
                    $0.header = core.header(machine.store.revision)
                    $0.roles = machine.auth.sortedRoles.map(\.name)
                }
            }
        }
        service.unary("RoleDelete", by: core) { (request: EtcdAuthRoleDeleteRequest, caller) async throws(EtcdError) in
            let header = try await core.change(.deleteRole(name: request.role), caller)
            return EtcdAuthRoleDeleteResponse.with { $0.header = header }
        }
        service.unary("RoleGrantPermission", by: core) {
            (request: EtcdAuthRoleGrantPermissionRequest, caller) async throws(EtcdError) in
            let permission = request.hasPerm ? try AuthPermission(request.perm) : nil
            let header = try await core.change(.grantPermission(role: request.name, permission), caller)
            return EtcdAuthRoleGrantPermissionResponse.with { $0.header = header }
        }
        service.unary("RoleRevokePermission", by: core) {
            (request: EtcdAuthRoleRevokePermissionRequest, caller) async throws(EtcdError) in
            let header = try await core.change(
                .revokePermission(
                    role: request.role, key: Bytes(request.key), rangeEnd: Bytes(request.rangeEnd)), caller)
            return EtcdAuthRoleRevokePermissionResponse.with { $0.header = header }
        }
    }
}

extension ControlCore {
    /// How often a log-in begins anew when users, roles or permissions change while its password is checked.
    private static let maximumLoginAttempts = 10

    fileprivate func change(_ command: AuthCommand, _ caller: Caller?) async throws(EtcdError) -> EtcdResponseHeader {
        header(try await propose(.auth(command, caller)).1)
    }

    fileprivate func look<Reply: Sendable>(
        _ body: @escaping @Sendable (ControlMachine) throws(EtcdError) -> Reply
    ) async throws(EtcdError) -> Reply {
        try await read(linearizable: true, body)
    }

    fileprivate func authenticate(
        _ name: String, _ password: String
    ) async throws(EtcdError) -> EtcdAuthenticateResponse {
        for _ in 0..<Self.maximumLoginAttempts {
            let (user, authRevision) = try await look { machine throws(EtcdError) in
                guard machine.auth.isEnabled else { throw .authNotEnabled }
                return (machine.auth.users[name], machine.auth.revision)
            }
            if user?.hasNoPassword == true { throw .passwordForUserWithoutPassword }
            guard try await passwords.verify(password, against: user?.passwordHash) else { throw .authenticationFailed }
            let secret = AuthTokens.makeSecret()
            do throws(EtcdError) {
                let command = AuthCommand.authenticate(user: name, digest: AuthTokens.digest(secret))
                let (response, revision) = try await propose(
                    .auth(command, Caller(user: name, authRevision: authRevision)))
                guard case .auth(.authenticated(let number)) = response else { break }
                return .with {
                    $0.header = header(revision)
                    $0.token = "\(secret).\(number)"
                }
            } catch {
                guard error == .oldAuthRevision else { throw error }
            }
        }
        throw .oldAuthRevision
    }

    /// An empty password leaves what the client hashed itself, which is nothing as a rule: then no password fits.
    fileprivate func passwordHash(_ request: EtcdAuthUserChangePasswordRequest) async throws(EtcdError) -> Bytes {
        if !request.password.isEmpty { return try await passwords.hash(request.password) }
        guard let hash = Data(base64Encoded: request.hashedPassword) else { throw .passwordForUserWithoutPassword }
        return Bytes(hash)
    }
}

extension EtcdError {
    /// As etcd 3.5 answers it, which forgot to give it a code.
    static let passwordForUserWithoutPassword = EtcdError(
        .unknown, "auth: authentication failed, password was given for no password user")
}

extension EtcdPermission {
    init(_ permission: AuthPermission) {
        self.init()
        key = permission.key.data
        rangeEnd = permission.rangeEnd.data
        permType =
            switch permission.kind {
            case .read: .read
            case .write: .write
            case .readWrite: .readwrite
            }
    }
}

extension AuthPermission {
    /// - Throws: `.permissionNotGiven` for a kind that nobody knows.
    init(_ permission: EtcdPermission) throws(EtcdError) {
        let kind: Kind
        switch permission.permType {
        case .read: kind = .read
        case .write: kind = .write
        case .readwrite: kind = .readWrite
        case .UNRECOGNIZED: throw .permissionNotGiven
        }
        self.init(kind: kind, key: Bytes(permission.key), rangeEnd: Bytes(permission.rangeEnd))
    }
}
