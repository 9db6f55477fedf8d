import ApusEtcdAPI
import Foundation
import SwiftProtobuf

extension TraceGenerator {
    /// Users and roles to begin with, so that random steps meet them.
    static var prologue: [TraceStep] {
        let additions = zip(users, roles).flatMap { addition($0, $1) }
        let logins = users.map { authenticate($0, password: $0) }
        return (additions + [enabling] + logins).map { .call($0, user: nil) }
    }

    private static var enabling: UnaryCall {
        auth("AuthEnable", EtcdAuthEnableRequest(), EtcdAuthEnableResponse.self)
    }

    private static func addition(_ user: String, _ role: String) -> [UnaryCall] {
        let userAdd = EtcdAuthUserAddRequest.with {
            $0.name = user
            $0.password = user
        }
        let grant = EtcdAuthUserGrantRoleRequest.with {
            $0.user = user
            $0.role = role
        }
        return [
            auth("UserAdd", userAdd, EtcdAuthUserAddResponse.self),
            auth("RoleAdd", EtcdAuthRoleAddRequest.with { $0.name = role }, EtcdAuthRoleAddResponse.self),
            auth("UserGrantRole", grant, EtcdAuthUserGrantRoleResponse.self),
        ]
    }

    mutating func authStep(_ view: TraceView) -> TraceStep {
        // Much of a trace is to be about what is denied.
        if !view.isAuthEnabled, chance(50) {
            return .call(pick(Self.addition("root", "root") + [Self.enabling]), user: nil)
        }
        // Mostly root, so that something comes of it.
        let actor: String? = view.isAuthEnabled ? (chance(70) ? "root" : anyUser()) : nil
        let user = chance(3) ? pick(["", "nobody"]) : pick(Self.users)
        let role = chance(3) ? pick(["", "nothing"]) : pick(Self.roles)
        return .call(authCall(user, role), user: actor)
    }

    static func auth(_ method: String, _ request: some Message, _ reply: (some EtcdReply).Type) -> UnaryCall {
        UnaryCall(EtcdService.auth, method, request, reply)
    }

    static func authenticate(_ user: String, password: String) -> UnaryCall {
        auth(
            "Authenticate",
            EtcdAuthenticateRequest.with {
                $0.name = user
                $0.password = password
            }, EtcdAuthenticateResponse.self)
    }

    private mutating func authCall(_ user: String, _ role: String) -> UnaryCall {
        switch percent() {
        case ..<20: userCall(user, role)
        case ..<60: roleCall(user, role)
        case ..<85: Self.authenticate(user, password: chance(8) ? "wrong" : user)
        case ..<88: Self.enabling
        case ..<90: Self.auth("AuthDisable", EtcdAuthDisableRequest(), EtcdAuthDisableResponse.self)
        case ..<94: Self.auth("AuthStatus", EtcdAuthStatusRequest(), EtcdAuthStatusResponse.self)
        case ..<97: Self.auth("UserList", EtcdAuthUserListRequest(), EtcdAuthUserListResponse.self)
        default: Self.auth("RoleList", EtcdAuthRoleListRequest(), EtcdAuthRoleListResponse.self)
        }
    }

    private mutating func userCall(_ user: String, _ role: String) -> UnaryCall {
        switch percent() {
        case ..<40:
            // Without a password nobody could be root again.
            let isPlain = user == "root" || !chance(10)
            return Self.auth(
                "UserAdd",
                EtcdAuthUserAddRequest.with {
                    $0.name = user
                    if isPlain { $0.password = user } else { $0.options = .with { $0.noPassword = true } }
                }, EtcdAuthUserAddResponse.self)
        case ..<60:
            return Self.auth("UserGet", EtcdAuthUserGetRequest.with { $0.name = user }, EtcdAuthUserGetResponse.self)
        case ..<70:
            return Self.auth(
                "UserDelete", EtcdAuthUserDeleteRequest.with { $0.name = user }, EtcdAuthUserDeleteResponse.self)
        default:
            return Self.auth(
                "UserChangePassword",
                EtcdAuthUserChangePasswordRequest.with {
                    $0.name = user
                    $0.password = user
                }, EtcdAuthUserChangePasswordResponse.self)
        }
    }

    private mutating func roleCall(_ user: String, _ role: String) -> UnaryCall {
        let key = key()
        let name = "\(role) \(Array(key))"
        let end = permissionEnds[name] ?? rangeEnd(key)
        permissionEnds[name] = end
        switch percent() {
        case ..<15:
            return Self.auth("RoleAdd", EtcdAuthRoleAddRequest.with { $0.name = role }, EtcdAuthRoleAddResponse.self)
        case ..<25:
            return Self.auth("RoleGet", EtcdAuthRoleGetRequest.with { $0.role = role }, EtcdAuthRoleGetResponse.self)
        case ..<28:
            return Self.auth(
                "RoleDelete", EtcdAuthRoleDeleteRequest.with { $0.role = role }, EtcdAuthRoleDeleteResponse.self)
        case ..<60:
            let type: EtcdPermission.TypeEnum = pick([.read, .write, .readwrite])
            return Self.auth(
                "RoleGrantPermission",
                EtcdAuthRoleGrantPermissionRequest.with {
                    $0.name = role
                    $0.perm = .with {
                        $0.permType = type
                        $0.key = key
                        $0.rangeEnd = end
                    }
                }, EtcdAuthRoleGrantPermissionResponse.self)
        case ..<68:
            return Self.auth(
                "RoleRevokePermission",
                EtcdAuthRoleRevokePermissionRequest.with {
                    $0.role = role
                    $0.key = key
                    $0.rangeEnd = end
                }, EtcdAuthRoleRevokePermissionResponse.self)
        case ..<92:
            return Self.auth(
                "UserGrantRole",
                EtcdAuthUserGrantRoleRequest.with {
                    $0.user = user
                    $0.role = role
                }, EtcdAuthUserGrantRoleResponse.self)
        default:
            return Self.auth(
                "UserRevokeRole",
                EtcdAuthUserRevokeRoleRequest.with {
                    $0.name = user
                    $0.role = role
                }, EtcdAuthUserRevokeRoleResponse.self)
        }
    }
}
