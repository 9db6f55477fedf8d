import Foundation
import TestSupport
import Testing

/// The proof that the simulator finds bugs: `Tests/RaftSimulationTests/Mutations` has them, `scripts/mutants` plants and hunts them.
///
/// It builds a program and fills the cores: the Makefile runs it by itself.
@Suite(.timeLimit(.minutes(10))) struct MutationTests {
    /// A planted bug that no longer fits the core is no proof of anything.
    @Test func everySnippetIsInTheCoreOnce() async throws {
        let result = try await Program.run(Program.script("mutants"), ["--check"], within: .seconds(60))
        #expect(result.status == 0, "\(result.output)")
    }

    @Test func everyPlantedBugIsFound() async throws {
        let result = try await Program.run(Program.script("mutants"), [], within: .seconds(540))
        #expect(result.status == 0, "\(result.output)")
        let found = result.output.split(separator: "\n").filter { $0.contains(": seed ") && !$0.contains("NOT FOUND") }
        #expect(found.count >= 15)
    }
}
