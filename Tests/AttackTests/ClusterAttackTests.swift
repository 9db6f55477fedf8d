import Foundation
import TestSupport
import Testing

/// Three members of the control plane as real processes, under attack.
@Suite struct ClusterAttackTests {
    /// `APUS_ATTACK_SECONDS` and `APUS_ATTACK_SEED` choose another attack.
    @Test(.timeLimit(.minutes(15)))
    func `a cluster under attack stays strictly serializable, and loses nothing`() throws {
        let environment = ProcessInfo.processInfo.environment
        let folder = try TemporaryDirectory()
        let process = Process()
        process.executableURL = try BuiltProgram.url("attack")
        process.arguments = [
            "--program", "\(try BuiltProgram.url("apus").path) server", "--folder", folder.file("members"),
            "--seconds", environment["APUS_ATTACK_SECONDS"] ?? "300", "--seed", environment["APUS_ATTACK_SEED"] ?? "1",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let report = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(report)")
        #expect(!report.contains("no clock is moved"))
        print(report)
    }
}
