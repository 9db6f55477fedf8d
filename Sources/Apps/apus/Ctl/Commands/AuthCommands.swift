import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import SwiftProtobuf

struct AuthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "auth", abstract: "Whether the control plane asks who calls.",
        subcommands: [Enable.self, Disable.self, Status.self])

    struct Enable: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Ask everybody who they are.",
            discussion: """
                There must be a user `root` first: apus ctl user add root. It gets the role `root`, which may do everything.
                """)
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            do {
                _ = try await session.client.authEnable()
            } catch let error as GRPCError where EtcdError(error.code, error.message) == .rootRoleMissing {
                // The role is made for whoever has only made the user.
                _ = try? await session.client.roleAdd(.with { $0.name = "root" })
                _ = try await session.client.userGrantRole(
                    .with {
                        $0.user = "root"
                        $0.role = "root"
                    })
                _ = try await session.client.authEnable()
            }
            print("Authentication Enabled")
        }
    }

    struct Disable: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Ask nobody who they are.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            _ = try await session.client.authDisable()
            print("Authentication Disabled")
        }
    }

    struct Status: CtlLeaf {
        static let configuration = CommandConfiguration(abstract: "Whether it asks.")
        @OptionGroup(title: "Global options") var global: GlobalOptions

        func run(_ session: CtlSession) async throws {
            let response = try await session.client.authStatus()
            try session.output.show(response) { text in
                text.line("Authentication Status: \(response.enabled)")
                text.line("AuthRevision: \(response.authRevision)")
            }
        }
    }
}
