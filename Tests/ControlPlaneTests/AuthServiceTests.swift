import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("Auth service") struct AuthServiceTests {
    private static let adjust: @Sendable (inout ControlPlaneSettings) -> Void = { $0.bcryptCost = 4 }

    @Test("A user does what its roles allow, with a token of any member, on every member")
    func tokens() async throws {
        try await TestCluster.with(members: 3, Self.adjust) { members in
            try await members[0].enableAuth()
            for turn in 0..<6 {
                let token = try await members[turn % 3].token("u", "secret-u")
                for member in members {
                    try await member.put("a/1", as: token)
                    #expect(try await member.failure { try await member.put("b", as: token) } == .permissionDenied)
                }
            }
            let root = try await members[1].token("root", "secret-root")
            for member in members { try await member.put("b", as: root) }
        }
    }

    @Test("Without a token nothing is allowed, with a wrong one neither")
    func refusals() async throws {
        try await TestCluster.with(Self.adjust) { members in
            let member = members[0]
            #expect(try await member.failure { _ = try await member.token("root", "x") } == .authNotEnabled)
            #expect(try await member.failure { try await member.auth("AuthEnable") } == .rootUserMissing)
            try await member.enableAuth()
            #expect(try await member.failure { _ = try await member.put("a", "") } == .userEmpty)
            #expect(try await member.failure { _ = try await member.value("a") } == .userEmpty)
            #expect(try await member.failure { try await member.put("a", as: "abc.1") } == .invalidAuthToken)
            #expect(try await member.failure { try await member.put("a", as: "abc.99999") } == .invalidAuthToken)
            #expect(try await member.failure { try await member.put("a", as: "") } == .invalidAuthToken)
            for (name, password) in [("root", "wrong"), ("nobody", "x"), ("root", "")] {
                #expect(
                    try await member.failure { _ = try await member.token(name, password) } == .authenticationFailed)
            }
            let token = try await member.token("u", "secret-u")
            for method in ["AuthEnable", "AuthDisable", "AuthStatus", "UserList", "RoleList"] {
                #expect(try await member.failure { try await member.auth(method, as: token) } == .permissionDenied)
                #expect(try await member.failure { try await member.auth(method) } == .userEmpty)
            }
            let old = try await member.token("u", "secret-u")
            let change = EtcdAuthUserChangePasswordRequest.with {
                $0.name = "u"
                $0.password = "other"
            }
            let root = try await member.token("root", "secret-root")
            let _: EtcdAuthUserChangePasswordResponse = try await member.call(
                "\(EtcdService.auth)/UserChangePassword", change, metadata: ["token": root])
            #expect(try await member.failure { try await member.put("a/1", as: old) } == .invalidAuthToken)
            #expect(try await member.failure { _ = try await member.token("u", "secret-u") } == .authenticationFailed)
            try await member.put("a/1", as: try await member.token("u", "other"))
        }
    }

    @Test("Users and roles survive a restart; passwords and tokens are never written")
    func restart() async throws {
        let cluster = try await TestCluster(Self.adjust)
        let first = try cluster.start()
        try await first.enableAuth()
        let token = try await first.token("u", "secret-u")
        try await first.put("a/1", as: token)
        await first.stop()
        for secret in ["secret-u", "secret-root", String(token.prefix { $0 != "." })] {
            #expect(try !Self.isWritten(secret, below: cluster.settings[0].dataFolder), "\(secret)")
        }
        #expect(try Self.isWritten("a/1", below: cluster.settings[0].dataFolder))
        let second = try cluster.start()
        #expect(try await second.failure { _ = try await second.value("a/1") } == .userEmpty)
        try await second.put("a/1", as: try await second.token("u", "secret-u"))
        await second.stop()
    }

    private static func isWritten(_ text: String, below folder: String) throws -> Bool {
        let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return files.contains { file in
            FileManager.default.contents(atPath: "\(folder)/\(file)")?.range(of: Data(text.utf8)) != nil
        }
    }
}

extension TestMember {
    /// Root, and "u", who may do everything below "a/". Passwords are "secret-" and the name.
    func enableAuth() async throws {
        for name in ["root", "u"] {
            let user = EtcdAuthUserAddRequest.with {
                $0.name = name
                $0.password = "secret-\(name)"
            }
            let _: EtcdAuthUserAddResponse = try await call("\(EtcdService.auth)/UserAdd", user)
            let role = EtcdAuthRoleAddRequest.with { $0.name = name }
            let _: EtcdAuthRoleAddResponse = try await call("\(EtcdService.auth)/RoleAdd", role)
            let grant = EtcdAuthUserGrantRoleRequest.with {
                $0.user = name
                $0.role = name
            }
            let _: EtcdAuthUserGrantRoleResponse = try await call("\(EtcdService.auth)/UserGrantRole", grant)
        }
        let permission = EtcdAuthRoleGrantPermissionRequest.with {
            $0.name = "u"
            $0.perm.permType = .readwrite
            $0.perm.key = Data("a/".utf8)
            $0.perm.rangeEnd = Data("a0".utf8)
        }
        let _: EtcdAuthRoleGrantPermissionResponse = try await call(
            "\(EtcdService.auth)/RoleGrantPermission", permission)
        try await auth("AuthEnable")
    }

    /// A method of the auth service whose request is empty.
    func auth(_ method: String, as token: String? = nil) async throws {
        let _: EtcdAuthEnableResponse = try await call(
            "\(EtcdService.auth)/\(method)", EtcdAuthEnableRequest(), metadata: Self.metadata(token))
    }

    func token(_ name: String, _ password: String) async throws -> String {
        let request = EtcdAuthenticateRequest.with {
            $0.name = name
            $0.password = password
        }
        let response: EtcdAuthenticateResponse = try await call("\(EtcdService.auth)/Authenticate", request)
        return response.token
    }

    func put(_ key: String, as token: String) async throws {
        let request = EtcdPutRequest.with { $0.key = Data(key.utf8) }
        let _: EtcdPutResponse = try await call("\(EtcdService.kv)/Put", request, metadata: Self.metadata(token))
    }

    static func metadata(_ token: String?) -> GRPCMetadata { token.map { ["token": $0] } ?? [:] }

    /// What etcd's error `body` ends with; nil when it goes well.
    func failure(_ body: () async throws -> Void) async throws -> EtcdError? {
        do {
            try await body()
            return nil
        } catch let error as GRPCError {
            return EtcdError(error.code, error.message)
        }
    }
}
