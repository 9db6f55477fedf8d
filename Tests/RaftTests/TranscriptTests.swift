import Foundation
import Testing

/// Stories of whole clusters, told and reviewed as text. `APUS_REWRITE_TRANSCRIPTS=1 swift test --filter TranscriptTests`
/// writes down what happens now; the difference is for a person to read.
@Suite struct TranscriptTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Transcripts")

    private static var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test func thereAreTranscripts() {
        #expect(Self.names.count >= 12)
    }

    @Test(arguments: names) func itHappensAsItIsTold(name: String) throws {
        let file = Self.folder.appending(path: name)
        let expected = try String(contentsOf: file, encoding: .utf8)
        let actual = try Transcript.rerun(expected)
        if ProcessInfo.processInfo.environment["APUS_REWRITE_TRANSCRIPTS"] != nil {
            try actual.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let lines = zip(actual.split(separator: "\n"), expected.split(separator: "\n"))
        if let place = Array(lines).firstIndex(where: { $0 != $1 }) {
            let (now, told) = Array(lines)[place]
            Issue.record("\(name): \"\(now)\" where it is told \"\(told)\"")
        }
        #expect(actual.count == expected.count)
    }
}
