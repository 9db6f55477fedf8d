import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import SwiftProtobuf

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Users, and the roles that they have.",
        subcommands: [
            Add.self, Delete.self, Get.self, List.self, Passwd.self, GrantRole.self, RevokeRole.self,
        ])

    static func password(of user: String, asks: Bool) throws -> String {
        guard asks else { return readLine() ?? "" }
        let first = try CtlInput.secret("Password of \(user): ")
        guard try CtlInput.secret("Type password of \(user) again for confirmation: ") == first else {
            throw CtlFailure(.error, "given passwords are different")
        }
        return first
    }

    struct Add: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Make a user.",
            discussion: "The password is asked for, unless it is given as name:password or by a flag.")
        @Argument(help: "name, or name:password.") var words: [String] = []
        @Flag(inversion: .prefixedNo, help: "Ask for the password; else it is the first line of the input.")
        var interactive = true
        @Option(help: "The password.") var newUserPassword: String?
        @Flag(help: "Without a password: the user is known by its certificate.") var noPassword = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard let word = words.first, words.count == 1 else {
                throw CtlFailure.arguments("user add command requires user name as its argument")
            }
            var request = EtcdAuthUserAddRequest()
            request.name = word
            if noPassword {
                request.options.noPassword = true
            } else if let newUserPassword {
                request.password = newUserPassword
            } else if let colon = word.firstIndex(of: ":") {
                request.name = String(word[..<colon])
                request.password = String(word[word.index(after: colon)...])
                guard !request.name.isEmpty else {
                    throw CtlFailure.arguments("empty user name is not allowed")
                }
            } else {
                request.password = try UserCommand.password(of: word, asks: interactive)
            }
            let name = request.name
            let response = try await session.client.userAdd(request)
            try session.output.show(response) {
                $0.line("User \(name) created")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct Delete: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Remove a user.")
        @Argument(help: "The user.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("user delete command requires user name as its argument")
            }
            let response = try await session.client.userDelete(.with { $0.name = words[0] })
            try session.output.show(response) {
                $0.line("User \(words[0]) deleted")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct Get: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "The roles of a user.")
        @Argument(help: "The user.") var words: [String] = []
        @Flag(help: "And what the roles may do.") var detail = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("user get command requires user name as its argument")
            }
            let response = try await session.client.userGet(.with { $0.name = words[0] })
            guard detail else {
                return try session.output.show(response) {
                    $0.line("User: \(words[0])")
                    $0.line("Roles:\(response.roles.map { " \($0)" }.joined())")
                }
            }
            print("User: \(words[0])")
            for role in response.roles {
                print("")
                try session.output.show(try await session.client.roleGet(.with { $0.role = role }), role: role)
            }
        }
    }

    struct List: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "All users.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let response = try await session.client.userList()
            try session.output.show(response) { text in
                for user in response.users { text.line(user) }
            }
        }
    }

    struct Passwd: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Change the password of a user.")
        @Argument(help: "The user.") var words: [String] = []
        @Flag(inversion: .prefixedNo, help: "Ask for the password; else it is the first line of the input.")
        var interactive = true
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 1 else {
                throw CtlFailure.arguments("user passwd command requires user name as its argument")
            }
            let password = try UserCommand.password(of: words[0], asks: interactive)
            let response = try await session.client.userChangePassword(
                .with {
                    $0.name = words[0]
                    $0.password = password
                })
            try session.output.show(response) {
                $0.line("Password updated")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct GrantRole: CtlLeaf {
        static let configuration = CommandConfiguration(commandName: "grant-role", abstract: "Give a user a role.")
        @Argument(help: "The user, and the role.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 2 else {
                throw CtlFailure.arguments("user grant command requires user name and role name as its argument")
            }
            let response = try await session.client.userGrantRole(
                .with {
                    $0.user = words[0]
                    $0.role = words[1]
                })
            try session.output.show(response) {
                $0.line("Role \(words[1]) is granted to user \(words[0])")
            } fields: {
                $0.header(response.header)
            }
        }
    }

    struct RevokeRole: CtlLeaf {
        static let configuration = CommandConfiguration(
            commandName: "revoke-role", abstract: "Take a role from a user.")
        @Argument(help: "The user, and the role.") var words: [String] = []
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            guard words.count == 2 else {
                throw CtlFailure.arguments("user revoke-role requires user name and role name as its argument")
            }
            let response = try await session.client.userRevokeRole(
                .with {
                    $0.name = words[0]
                    $0.role = words[1]
                })
            try session.output.show(response) {
                $0.line("Role \(words[1]) is revoked from user \(words[0])")
            } fields: {
                $0.header(response.header)
            }
        }
    }
}
