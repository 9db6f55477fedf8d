import ArgumentParser

/// `apus ctl`: etcdctl's commands and flags. They may stand before and after each other as etcdctl allows, so that they pass
/// the outer parser by.
struct CtlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ctl",
        abstract: "Read, write and administer a control plane, with etcdctl's commands.",
        discussion: "`apus ctl --help` tells all of them.")

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() async throws {
        let status = await CtlProgram.run(arguments)
        if status != 0 { throw ExitCode(status) }
    }
}
