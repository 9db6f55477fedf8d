import ApusPrimitives
import Testing

@testable import ApusResilience

@Suite struct LatencyHistogramTests {
    @Test func nothingHasNoQuantile() {
        #expect(LatencyHistogram().quantile(0.5) == nil)
    }

    @Test func latenciesOutsideItsBoundsCountAtTheBounds() throws {
        var histogram = LatencyHistogram()
        histogram.record(.seconds(-1))
        histogram.record(.zero)
        #expect(try #require(histogram.quantile(1)) <= .microseconds(2))
        histogram.removeAll()
        histogram.record(.seconds(1_000_000_000))
        #expect(try #require(histogram.quantile(1)) > .seconds(60_000))
        #expect(histogram.count == 1)
    }

    @Test func bucketsGrowWithTheLatency() {
        var last = 0
        for nanoseconds in stride(from: Int64(0), to: 40_000_000, by: 500) {
            let bucket = LatencyHistogram.bucket(of: .nanoseconds(nanoseconds))
            #expect(bucket == last || bucket == last + 1)
            last = bucket
        }
    }

    @Test func fadingHalvesWhatWasAndForgetsWhatWasRare() {
        var histogram = LatencyHistogram()
        for _ in 0..<10 { histogram.record(.milliseconds(10)) }
        histogram.record(.seconds(9))
        histogram.fade()
        #expect(histogram.count == 5)
        #expect(histogram.quantile(1)! < .milliseconds(11))
    }

    /// Against sorting: the quantile lies within a bucket (a sixteenth, or 1 µs) of the latency at its rank.
    @Test func quantilesAgreeWithSorting() {
        var random = SeededRandom(seed: 41)
        for round in 0..<400 {
            var histogram = LatencyHistogram()
            var sorted: [Int64] = []
            let highest = Int64(1) << Int64.random(in: 5...44, using: &random)
            for _ in 0..<Int.random(in: 1...300, using: &random) {
                sorted.append(Int64.random(in: 0...highest, using: &random))
                histogram.record(.nanoseconds(sorted.last!))
            }
            sorted.sort()
            for rank in [0.01, 0.5, 0.9, 0.95, 0.99, 1] {
                let index = max(Int((rank * Double(sorted.count)).rounded(.up)), 1) - 1
                let exact = Double(sorted[index])
                let found = Double(histogram.quantile(rank)!.nanoseconds)
                #expect(abs(found - exact) <= exact / 16 + 1_100, "round \(round), rank \(rank)")
            }
        }
    }
}
