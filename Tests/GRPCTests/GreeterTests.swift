import ApusGRPC
import Foundation
import TestSupport
import Testing

/// The example of docs/grpc.md, as it stands there, started as a program.
@Suite struct GreeterTests {
    @Test func `the page shows the code of the example`() throws {
        let page = try PageSamples.blocks(of: "docs/grpc.md", from: "```swift", to: "```")
        let files = ["Serve", "Say"].map { "Examples/Greeter/\($0).swift" }
        let code = try files.flatMap { try PageSamples.blocks(of: $0, from: "// Guide", to: "// End") }
        #expect(Array(page.prefix(code.count)) == code)
        let lines = code.map { $0.split(separator: "\n").count }
        #expect(lines.count == 2 && lines[0] <= 15 && lines[1] <= 10)
    }

    private func greeter(_ arguments: [String], into output: FileHandle) throws -> Process {
        let process = Process()
        process.executableURL = try BuiltProgram.url("greeter")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        return process
    }

    private func say(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        let folder = try TemporaryDirectory()
        let path = folder.file("out")
        try Data().write(to: URL(filePath: path))
        let process = try greeter(arguments, into: try #require(FileHandle(forWritingAtPath: path)))
        try await eventually { !process.isRunning }
        return (process.terminationStatus, try String(contentsOfFile: path, encoding: .utf8))
    }

    @Test(.timeLimit(.minutes(1))) func `the programs greet each other, and say what is wrong`() async throws {
        let port = "\(try await freePorts(1)[0])"
        let alone = try await say(["say", "swift", port])
        #expect(alone.status != 0)
        #expect(alone.output.contains("no connection to 127.0.0.1:\(port)"))
        let server = try greeter(["serve", port], into: FileHandle.nullDevice)
        defer { server.terminate() }
        try await eventually { try await say(["say", "swift", port]).output == "Hello, swift!\n" }
        let nobody = try await say(["say", "", port])
        #expect(nobody.status != 0)
        #expect(nobody.output.contains("INVALID_ARGUMENT: whom to greet?"))
        let usage = try await say(["say"])
        #expect(usage.output.contains("usage: greeter"))
    }
}
