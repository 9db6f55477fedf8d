import Foundation
import TestSupport
import Testing

/// Clients of other languages, unchanged, doing everything that they offer.
@Suite(.serialized) struct ClientTests {
    /// Built once, into a folder that is used again: Debian's clientv3 3.4, no module is downloaded.
    private static func goProgram() async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "apus-etcd-go-clients-\(getuid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let program = folder.appending(path: "clients").path
        try await Command.run(
            [
                "GO111MODULE=off", "GOPATH=/usr/share/gocode", "GOFLAGS=", "timeout", "300", "go", "build", "-o",
                program, ".",
            ], in: Command.folder.appending(path: "Clients/go"))
        return program
    }

    @Test(.timeLimit(.minutes(8)), arguments: Contender.nodes)
    func `the official Go client does what it offers`(count: Int) async throws {
        let program = try await Self.goProgram()
        let server = try await Contender.server(count: count)
        print(try await Command.run(["timeout", "180", program, server.endpointList] + Contender.goCases))
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["grpc_client.py", "gateway_client.py"])
    func `two Python clients do what they offer`(script: String) async throws {
        let server = try await Contender.server()
        let path = Command.folder.appending(path: "Clients/python/\(script)").path
        let words = ["timeout", "120", "python3", path, "\(server.members[0].clientPort)"] + Contender.pythonCases
        print(try await Command.run(words))
    }
}
