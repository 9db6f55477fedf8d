import ArgumentParser
import Foundation

/// `apus server`: its flags are etcd's and read as Go reads flags, so that they pass ArgumentParser by.
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Start a node of the control plane, with etcd's flags.",
        discussion: ServerHelp.text)

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var flags: [String] = []

    func run() async throws {
        let options: ServerOptions
        do {
            let arguments = try ServerArguments(flags)
            if arguments.wantsHelp { return print(ServerHelp.text, terminator: "") }
            if arguments.wantsVersion { return print(ServerHelp.version) }
            options = try ServerOptions(arguments, environment: ProcessInfo.processInfo.environment)
        } catch {
            complain(error)
            throw ExitCode.validationFailure
        }
        do {
            try await ServerProcess.run(options)
        } catch let flaw as ServerFlaw {
            complain(flaw)
            throw ExitCode.failure
        }
    }

    private func complain(_ flaw: ServerFlaw) {
        FileHandle.standardError.write(Data("apus server: \(flaw)\n".utf8))
    }
}
