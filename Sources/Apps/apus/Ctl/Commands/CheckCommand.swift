import ApusEtcd
import ApusEtcdAPI
import ArgumentParser
import Foundation
import SwiftProtobuf

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Whether the control plane is fast enough.", subcommands: [Perf.self])

    struct Perf: CtlLeaf {
        static let configuration = CommandConfiguration(
            abstract: "Write at a rate that a cluster of some size has, for a minute.",
            discussion: """
                It passes when nine tenths of the rate are reached, no write takes more than half a second, and the times \
                differ by less than a tenth of a second. What it wrote is deleted.
                """)
        @Option(help: "s: 150 writes a second; m: 1000; l: 8000; xl: 15000.") var load = "s"
        @Option(help: "What the keys begin with.") var prefix = "/etcdctl-check-perf/"
        @Option(help: "How long it writes.") var duration = "60s"
        @Flag(help: "Compact afterwards.") var autoCompact = false
        @Flag(help: "Defragment afterwards.") var autoDefrag = false
        @OptionGroup(title: "Global options") var global: GlobalOptions

        private static let loads: [String: (rate: Int, clients: Int)] = [
            "s": (150, 50), "small": (150, 50), "m": (1_000, 200), "medium": (1_000, 200), "l": (8_000, 500),
            "large": (8_000, 500), "xl": (15_000, 1_000), "xLarge": (15_000, 1_000),
        ]

        func run(_ session: CtlSession) async throws {
            guard let (rate, clients) = Self.loads[load] else {
                throw CtlFailure(.badFeature, "unknown load option \(load)")
            }
            guard let length = GoDuration.parse(duration), length > .zero else {
                throw CtlFailure.arguments("'\(duration)' is not a duration: it is written 60s")
            }
            let (key, end) = try KeySpan.resolve(prefix, nil, true, false)
            let there = try await session.client.range(
                .with {
                    ($0.key, $0.rangeEnd) = (key, end)
                    $0.limit = 1
                })
            guard there.kvs.isEmpty else {
                throw CtlFailure(
                    .invalidInput, "prefix \"\(prefix)\" has keys. Delete with 'apus ctl del --prefix \(prefix)' first")
            }
            complain("writing \(rate) keys a second for \(duration)")
            let value = Data(count: 1_024)
            let load = LoadRun(
                connections: [session.client], clients: clients, duration: length, rateLimit: Double(rate))
            let report = await load.run { client, _, random in
                let name = key + Data((0..<256).map { _ in UInt8.random(in: 0...255, using: &random) })
                _ = try await client.put(
                    .with {
                        $0.key = name
                        $0.value = value
                    })
            }
            try await cleanUp(session, key, end)
            try judge(report, rate)
        }

        private func cleanUp(_ session: CtlSession, _ key: Data, _ end: Data) async throws {
            let deleted = try await session.client.deleteRange(.with { ($0.key, $0.rangeEnd) = (key, end) })
            if autoCompact {
                let revision = deleted.header.revision
                print("Compacting with revision \(revision)")
                _ = try await session.client.compact(
                    .with {
                        $0.revision = revision
                        $0.physical = true
                    })
                print("Compacted with revision \(revision)")
            }
            guard autoDefrag else { return }
            for endpoint in session.client.endpoints {
                print("Defragmenting \"\(endpoint)\"")
                _ = try await session.client.at(endpoint).defragment()
                print("Defragmented \"\(endpoint)\"")
            }
        }

        private func judge(_ report: LoadReport, _ rate: Int) throws {
            var passes = true
            func say(_ holds: Bool, _ pass: String, _ fail: String) {
                print(holds ? "PASS: \(pass)" : fail)
                passes = passes && holds
            }
            if report.errorCount > 0 {
                say(false, "", "FAIL: too many errors\nFAIL: ERROR(\(report.firstError ?? "")) -> \(report.errorCount)")
            }
            let throughput = Int(report.rate) + 1
            say(
                report.rate / Double(rate) > 0.9, "Throughput is \(throughput) writes/s",
                "FAIL: Throughput too low: \(throughput) writes/s")
            let slowest = String(format: "%fs", report.quantile(1) / 1e3)
            say(
                report.quantile(1) <= 500, "Slowest request took \(slowest)",
                "Slowest request took too long: \(slowest)")
            let deviation = String(format: "%fs", report.standardDeviation)
            say(report.standardDeviation <= 0.1, "Stddev is \(deviation)", "Stddev too high: \(deviation)")
            print(passes ? "PASS" : "FAIL")
            if !passes { throw CtlFailure(.error, "") }
        }
    }
}
