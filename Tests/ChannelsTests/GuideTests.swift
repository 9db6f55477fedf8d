import Foundation
import Testing

/// docs/channels.md shows what `GuideSamples` compiles and runs.
@Suite struct GuideTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func lines(_ path: String) throws -> [Substring] {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// What stands between two marks, without the marks and without common indentation.
    private func blocks(_ lines: [Substring], from start: String, to end: String) -> [String] {
        var (blocks, block): ([String], [Substring]?) = ([], nil)
        for line in lines {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text == start {
                block = []
            } else if text == end, let lines = block {
                let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
                blocks.append(lines.map { $0.dropFirst(margin) }.joined(separator: "\n"))
                block = nil
            } else {
                block?.append(line)
            }
        }
        return blocks
    }

    @Test func everySampleOfThePageIsCompiled() throws {
        let page = blocks(try lines("docs/channels.md"), from: "```swift", to: "```")
        let samples = blocks(try lines("Tests/ChannelsTests/GuideSamples.swift"), from: "// Guide", to: "// End")
        #expect(samples.count > 10)
        #expect(page.count == samples.count)
        for (shown, compiled) in zip(page, samples) { #expect(shown == compiled) }
    }
}
