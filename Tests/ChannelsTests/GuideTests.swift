import TestSupport
import Testing

/// docs/channels.md shows what `GuideSamples` compiles and runs.
@Suite struct GuideTests {
    @Test func everySampleOfThePageIsCompiled() throws {
        let page = try PageSamples.blocks(of: "docs/channels.md", from: "```swift", to: "```")
        let samples = try PageSamples.blocks(
            of: "Tests/ChannelsTests/GuideSamples.swift", from: "// Guide", to: "// End")
        #expect(samples.count > 10)
        #expect(page.count == samples.count)
        for (shown, compiled) in zip(page, samples) { #expect(shown == compiled) }
    }
}
