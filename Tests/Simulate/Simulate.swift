import ApusPrimitives
import ArgumentParser
import Foundation
import RaftSimulation

/// Runs seeds until one breaks a promise, the number is reached or the time is over.
@main
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulates Raft clusters with faults, each from one seed, and checks every promise.")

    @Option(help: "Run this one seed.")
    var seed: UInt64?

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = .max

    @Option(help: "The first of them.")
    var from: UInt64 = 1

    @Option(help: "Stop after so many minutes.")
    var minutes: Double = .infinity

    @Option(help: "How many run at a time.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(
        help: "Leave out these faults, separated by commas: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).")
    var without = ""

    @Flag(help: "Go on after a seed that breaks a promise, and list them all.")
    var keepGoing = false

    @Flag(help: "Print everything that happens in the one seed.")
    var transcript = false

    @Flag(help: "Print a number that stands for everything that happened, and nothing else.")
    var fingerprint = false

    func run() async throws {
        if let seed { return try runOne(seed) }
        let limits = seeds == .max && minutes == .infinity ? 2_000 : seeds
        let work = Work(from: from, count: limits, minutes: minutes, keepsGoing: keepGoing)
        await withDiscardingTaskGroup { group in
            for _ in 0..<max(1, threads) {
                group.addTask { @concurrent in
                    while let seed = work.next() {
                        work.done(Simulation.run(seed: seed, plan: (try? plan(seed)) ?? FaultPlan(seed: seed)))
                    }
                }
            }
        }
        let total = work.total
        if fingerprint {
            print(total.fingerprint)
        } else {
            print(total.summary)
        }
        guard let failed = total.failed else { return }
        report(failed)
        throw ExitCode.failure
    }

    private func plan(_ seed: UInt64) throws -> FaultPlan {
        var plan = FaultPlan(seed: seed)
        for name in without.split(separator: ",") {
            guard let fault = Fault(rawValue: String(name)) else {
                throw ValidationError("There is no fault '\(name)'.")
            }
            plan = plan.without(fault)
        }
        return plan
    }

    func validate() throws {
        _ = try plan(0)
    }

    private func runOne(_ seed: UInt64) throws {
        let result = Simulation.run(seed: seed, plan: try plan(seed), transcript: transcript)
        for line in result.transcript { print(line) }
        if fingerprint {
            print(result.fingerprint)
        } else {
            print("seed \(seed): \(result.statistics.events) events, fingerprint \(result.fingerprint)")
        }
        guard let broken = result.broken else { return }
        print("seed \(seed) BROKEN \(broken)")
        throw ExitCode.failure
    }

    /// What a person needs to look into it.
    private func report(_ failed: SimulationResult) {
        guard let broken = failed.broken, let whole = try? plan(failed.seed) else { return }
        print("seed \(failed.seed) BROKEN \(broken)")
        let shrunk = Shrinking.shrink(seed: failed.seed, plan: whole, rule: broken.rule)
        let left = (without.split(separator: ",").map(String.init) + shrunk.without.map(\.rawValue))
        let option = left.isEmpty ? "" : " --without \(left.joined(separator: ","))"
        print("replay: scripts/simulate --seed \(failed.seed) --transcript")
        if !left.isEmpty { print("with fewer faults: scripts/simulate --seed \(failed.seed)\(option) --transcript") }
    }
}
