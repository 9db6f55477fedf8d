import ApusEtcd
import ApusEtcdAPI
import ApusPrimitives
import ArgumentParser
import Foundation
import SwiftProtobuf

struct RoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role", abstract: "Roles, and which keys they may read and write.",
        subcommands: [
            Add.self, Delete.self, Get.self, List.self, GrantPermission.self, RevokePermission.self,
        ])

    struct Add: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Make a role.")
        @Argument(help: "The role.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("role add command requires role name as its argument")
            }
            let response = try await session.client.roleAdd(.with { $0.name = words[0] })
            try session.output.show(response) {
                $0.line("Role \(words[0]) created")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct Delete: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Remove a role.")
        @Argument(help: "The role.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("role delete command requires role name as its argument")
            }
            let response = try await session.client.roleDelete(.with { $0.role = words[0] })
            try session.output.show(response) {
                $0.line("Role \(words[0]) deleted")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct Get: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "What a role may do.")
        @Argument(help: "The role.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("role get command requires role name as its argument")
            }
            try session.output.show(
                try await session.client.roleGet(.with { $0.role = words[0] }), role: words[0])
        }
    }

    struct List: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "All roles.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let response = try await session.client.roleList()
            try session.output.show(response) { text in
                for role in response.roles { text.line(role) }
            } fields: { text in
                text.header(response.header)
                let roles = response.roles.map { " \(GoText.quoted(Data($0.utf8)))" }.joined()
                text.line("\"Roles\" :\(roles)")
            }
        }
    }

    struct GrantPermission: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "grant-permission", abstract: "Let a role read or write keys.",
            usage: "apus ctl role grant-permission <role> read|write|readwrite <key> [<range-end>] [options]")
        @Argument(help: "The role, the kind of permission, the key, the end of a range.") var words: [String] = []
        @Flag(help: "All keys that begin with the key.") var prefix = false
        @Flag(help: "All keys from the key on.") var fromKey = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard (3...4).contains(words.count) else {
                throw CtlFailure.arguments(
                    "role grant command requires role name, permission type, and key [endkey] as its argument")
            }
            let kinds = ["read": EtcdPermission.TypeEnum.read, "write": .write, "readwrite": .readwrite]
            guard let kind = kinds[words[1].lowercased()] else {
                throw CtlFailure.arguments("invalid permission type: \(words[1])")
            }
            let (key, end) = try KeySpan.resolve(words[2], words.dropFirst(3).first, prefix, fromKey)
            let response = try await session.client.roleGrantPermission(
                .with {
                    $0.name = words[0]
                    $0.perm.permType = kind
                    $0.perm.key = key
                    $0.perm.rangeEnd = end
                })
            try session.output.show(response) {
                $0.line("Role \(words[0]) updated")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct RevokePermission: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "revoke-permission", abstract: "Take a permission from a role.",
            usage: "apus ctl role revoke-permission <role> <key> [<range-end>] [options]")
        @Argument(help: "The role, the key, the end of a range.") var words: [String] = []
        @Flag(help: "All keys that begin with the key.") var prefix = false
        @Flag(help: "All keys from the key on.") var fromKey = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard (2...3).contains(words.count) else {
                throw CtlFailure.arguments(
                    "role revoke-permission command requires role name and key [endkey] as its argument")
            }
            let (key, end) = try KeySpan.resolve(words[1], words.dropFirst(2).first, prefix, fromKey)
            let response = try await session.client.roleRevokePermission(
                .with {
                    $0.role = words[0]
                    $0.key = key
                    $0.rangeEnd = end
                })
            let name = String(decoding: key, as: UTF8.self)
            let what =
                end.isEmpty
                ? "Permission of key \(name)"
                : "Permission of range \(EtcdPermission.span(key, end))"
            try session.output.show(response) {
                $0.line("\(what) is revoked from role \(words[0])")
            } fields: {
                $0.header(response.header)
            }
        }
    }
}

extension EtcdPermission {
    /// `[a, b)`, or `[a, <open ended>`.
    fileprivate static func span(_ key: Data, _ end: Data) -> String {
        let (start, end) = (String(decoding: key, as: UTF8.self), end == Data([0]) ? nil : end)
        return end.map { "[\(start), \(String(decoding: $0, as: UTF8.self)))" } ?? "[\(start), <open ended>"
    }

    fileprivate var line: String {
        if rangeEnd.isEmpty { return "\t" + String(decoding: key, as: UTF8.self) }
        let isPrefix = !key.isEmpty && Bytes(key).prefixEnd?.data == rangeEnd
        let suffix = isPrefix ? " (prefix \(String(decoding: key, as: UTF8.self)))" : ""
        return "\t" + Self.span(key, rangeEnd) + suffix
    }
}

extension CtlOutput {
    func show(_ response: EtcdAuthRoleGetResponse, role: String) throws {
        try show(response) { text in
            text.line("Role \(role)")
            let isRoot = role == "root" && response.perm.isEmpty
            for (title, kind) in [("KV Read:", EtcdPermission.TypeEnum.read), ("KV Write:", .write)] {
                text.line(title)
                if isRoot { text.line("\t[, <open ended>") }
                for permission in response.perm where [kind, .readwrite].contains(permission.permType) {
                    text.line(permission.line)
                }
            }
        } fields: { text in
            text.header(response.header)
            for permission in response.perm {
                let names = [EtcdPermission.TypeEnum.read: "READ", .write: "WRITE", .readwrite: "READWRITE"]
                text.line("\"PermType\" :  \(names[permission.permType] ?? "UNKNOWN")")
                text.quoted("Key", permission.key)
                text.quoted("RangeEnd", permission.rangeEnd)
            }
        }
    }
}
