import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

/// More than a million frames from seeds: honest traffic with a fault in it, floods in honest traffic, and garbage. Each
/// connection ends as it must, with one GOAWAY of the right code, and what it holds is bounded.
struct HTTP2FuzzTests {
    static let parts = 8

    private static func patient() -> HTTP2Configuration {
        var configuration = HTTP2Configuration()
        let all = HTTP2Limits.Rate(burst: 1 << 30, perSecond: 0)
        configuration.limits.resets = all
        configuration.limits.settings = all
        configuration.limits.pings = all
        configuration.limits.emptyData = all
        configuration.limits.windowUpdates = all
        configuration.limits.ignored = all
        configuration.limits.late = all
        return configuration
    }

    /// 8 × 60,000 frames.
    @Test(arguments: 0..<parts) func honestTrafficWithAFaultInIt(_ part: Int) throws {
        let cases = HTTP2SpecTests.all.filter { !$0.isFirst }
        var (frames, seed, faults) = (0, UInt64(part) << 32, 0)
        while frames < 60_000 {
            seed += 1
            let traffic = GeneratedTraffic(seed: seed, Self.patient())
            while !traffic.hasEnded {
                for _ in 0..<traffic.random.below(20) { traffic.sendHonestFrames(20) }
                _ = traffic.takeResets()
                try #require(!traffic.hasEnded, "seed \(seed): \(String(describing: traffic.failure))")
                let example = cases[traffic.random.below(cases.count)]
                let comment: Comment = "seed \(seed), \(example.section) \(example.what)"
                traffic.send(traffic.shift(example.frames).flatMap { $0 }, example.frames.count)
                faults += 1
                let resets = traffic.takeResets()
                switch example.outcome {
                case .goAway(let code):
                    try #require(traffic.failure?.code == code && traffic.goAways == [code], comment)
                case .reset(let code): try #require(resets.contains(code) && traffic.goAways.isEmpty, comment)
                case .fine: try #require(resets.isEmpty && traffic.goAways.isEmpty, comment)
                }
                try #require(traffic.fault == nil, comment)
                // A case may have left small windows behind.
                traffic.send(Wire.settings([(4, 1 << 20)]), 1)
            }
            frames += traffic.frames
        }
        #expect(faults > 100)
    }

    /// 8 × 40,000 frames.
    @Test(arguments: 0..<parts) func floodsInHonestTraffic(_ part: Int) throws {
        var (frames, seed) = (0, UInt64(part) << 32)
        while frames < 40_000 {
            seed += 1
            let traffic = GeneratedTraffic(seed: seed, HTTP2Configuration())
            let flood = HTTP2FloodTests.floods[traffic.random.below(HTTP2FloodTests.floods.count)]
            let bound = HTTP2Limits()[keyPath: flood.limit]
            for _ in 0..<traffic.random.below(5) { traffic.sendHonestFrames(20) }
            try #require(!traffic.hasEnded, "seed \(seed)")
            let base = traffic.nextID
            var sent = 0
            while !traffic.hasEnded {
                let count = 1 + traffic.random.below(200)
                var bytes: [UInt8] = []
                for number in sent..<sent + count { bytes += flood.frames(number, base) }
                sent += count
                traffic.send(bytes, count)
                try #require(sent < bound.burst + 2_000, "seed \(seed), \(flood.name) goes on and on")
            }
            try #require(traffic.failure?.code == .enhanceYourCalm, "seed \(seed), \(flood.name)")
            try #require(traffic.goAways == [.enhanceYourCalm] && traffic.fault == nil, "seed \(seed), \(flood.name)")
            try #require(traffic.largestOutput < 1 << 20, "seed \(seed), \(flood.name)")
            frames += traffic.frames
        }
    }

    /// 8 × 30,000 frames.
    @Test(arguments: 0..<parts) func garbage(_ part: Int) throws {
        var (frames, seed, ended) = (0, UInt64(part) << 32, 0)
        while frames < 30_000 {
            seed += 1
            let traffic = GeneratedTraffic(seed: seed, HTTP2Configuration())
            while !traffic.hasEnded, traffic.frames < 2_000 {
                if traffic.random.chance(70) {
                    traffic.sendHonestFrames(10)
                } else {
                    traffic.send(traffic.garbageFrame(), 1)
                }
                try #require(traffic.openStreams <= 1_000 && traffic.largestOutput < 1 << 20, "seed \(seed)")
            }
            try #require(traffic.fault == nil, "seed \(seed): \(traffic.fault ?? "")")
            try #require(traffic.goAways.count == (traffic.hasEnded ? 1 : 0), "seed \(seed)")
            ended += traffic.hasEnded ? 1 : 0
            frames += traffic.frames
        }
        #expect(ended > 10)
    }
}
