import ApusRaft
import Foundation
import RaftSimulation
import TestSupport
import Testing

/// A few seeds, in every build; `scripts/simulate` runs the many in an optimised one.
@Suite(.timeLimit(.minutes(5))) struct SimulationTests {
    @Test(arguments: 1...15)
    func promisesAreKept(seed: UInt64) {
        let result = Simulation.run(seed: seed)
        let broken = result.broken?.description ?? ""
        #expect(result.broken == nil, "\(broken); replay: scripts/simulate --seed \(seed) --transcript")
    }

    @Test func whatIsToHappenHappens() {
        var total = Statistics()
        for seed in UInt64(16)...35 {
            let result = Simulation.run(seed: seed)
            #expect(result.broken == nil, "replay: scripts/simulate --seed \(seed) --transcript")
            total += result.statistics
        }
        #expect(total.elections > 30)
        #expect(total.crashes > 30)
        #expect(total.committed > 500)
        #expect(total.operations > 500)
        #expect(total.snapshotsTaken > 20)
        #expect(total.snapshotsReceived > 0)
        #expect(total.memberChanges > 10)
        #expect(total.transfers > 3)
        #expect(total.leaseReads > 100)
        #expect(total.quorumReads > 100)
        #expect(total.unknownHistories < 3)
    }

    /// Without faults the same cluster does its work with one election.
    @Test func nothingGoesWrongByItself() {
        var plan = FaultPlan()
        plan.safetyTime = 1_000_000
        for seed in UInt64(1)...5 {
            let result = Simulation.run(seed: seed, plan: plan)
            #expect(result.broken == nil)
            #expect(result.statistics.elections == 1)
            #expect(result.statistics.crashes == 0)
            #expect(result.statistics.operations > 20)
        }
    }

    @Test func aTranscriptChangesNothing() {
        for seed in UInt64(1)...5 {
            let plan = FaultPlan(seed: seed)
            let silent = Simulation.run(seed: seed, plan: plan)
            let told = Simulation.run(seed: seed, plan: plan, transcript: true)
            #expect(silent.transcript.isEmpty)
            #expect(told.transcript.count > 100)
            #expect(silent.fingerprint == told.fingerprint)
            #expect(silent.statistics == told.statistics)
        }
    }

    @Test func seedsDiffer() {
        let fingerprints = Set((UInt64(1)...10).map { Simulation.run(seed: $0).fingerprint })
        #expect(fingerprints.count == 10)
        let plans = Set((UInt64(1)...50).map { FaultPlan(seed: $0) })
        #expect(plans.count == 50)
    }

    /// Swift seeds its hashes in each process: whoever iterates a dictionary shows here.
    @Test func twoProcessesDoTheSame() async throws {
        let program = try BuiltProgram.url("simulate")
        let arguments = ["--seeds", "10", "--fingerprint"]
        let first = try await Program.run(program, arguments, within: .seconds(120))
        let second = try await Program.run(program, arguments, within: .seconds(120))
        #expect(first.status == 0)
        #expect(first.output == second.output)
        let here = (UInt64(1)...10).reduce(0) { $0 ^ Simulation.run(seed: $1).fingerprint }
        #expect(first.output == "\(here)\n")
    }

    /// A cluster that has no time to agree: what is reported, and that a part of the faults is not needed for it.
    @Test func aFailureIsReportedAndShrunk() throws {
        let seed: UInt64 = 3
        var plan = FaultPlan(seed: seed)
        plan.livenessTime = 1
        let broken = try #require(Simulation.run(seed: seed, plan: plan).broken)
        #expect(broken.rule == .liveness)
        let again = Simulation.run(seed: seed, plan: plan, transcript: true)
        #expect(again.broken == broken)
        #expect(again.transcript.last?.contains("BROKEN liveness") == true)
        let shrunk = Shrinking.shrink(seed: seed, plan: plan, rule: broken.rule)
        #expect(!shrunk.without.isEmpty)
        #expect(Simulation.run(seed: seed, plan: shrunk.plan).broken?.rule == .liveness)
    }

    @Test(arguments: Fault.allCases)
    func everyFaultCanBeLeftOut(fault: Fault) {
        let with = (UInt64(1)...60).map { FaultPlan(seed: $0) }
        #expect(with.contains { $0.without(fault) != $0 }, "no plan has \(fault)")
        for plan in with { #expect(plan.without(fault).without(fault) == plan.without(fault)) }
    }
}
