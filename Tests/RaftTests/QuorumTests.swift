import ApusPrimitives
import Testing

@testable import ApusRaft

/// Majorities against definitions that nobody would call fast.
@Suite struct QuorumTests {
    /// The largest value that more than half have reached, by trying them all.
    private func naiveAgreed(_ values: [UInt64]) -> UInt64 {
        guard !values.isEmpty else { return .max }
        return (values + [0]).filter { value in values.count { $0 >= value } * 2 > values.count }.max() ?? 0
    }

    private func naiveVerdict(_ voters: [NodeID], _ votes: [NodeID: Bool]) -> Quorum.Verdict {
        guard !voters.isEmpty else { return .won }
        let silent = voters.count { votes[$0] == nil }
        let granted = voters.count { votes[$0] == true }
        if granted * 2 > voters.count { return .won }
        return (granted + silent) * 2 > voters.count ? .pending : .lost
    }

    private func peers(_ configuration: Configuration, _ values: [NodeID: UInt64]) -> [Progress] {
        configuration.members.map { id in
            var peer = Progress(id: id, nextIndex: LogIndex(1))
            peer.isVoter = configuration.voters.contains(id)
            peer.isOutgoingVoter = configuration.outgoingVoters.contains(id)
            peer.accepted(LogIndex(values[id] ?? 0))
            return peer
        }
    }

    @Test func agreementIsTheNaiveOne() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<50_000 {
            let count = Int.random(in: 0...9, using: &random)
            let top = UInt64.random(in: 0...12, using: &random)
            let values = (0..<count).map { _ in UInt64.random(in: 0...top, using: &random) }
            var copy = values
            let agreed = copy.withUnsafeMutableBufferPointer { Quorum.agreed($0) }
            guard agreed == naiveAgreed(values) else {
                Issue.record("\(values): \(agreed), not \(naiveAgreed(values))")
                return
            }
        }
    }

    @Test func ofAJointConfigurationBothHalvesAgree() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<30_000 {
            let configuration = Self.configuration(using: &random)
            var values: [NodeID: UInt64] = [:]
            for id in configuration.members { values[id] = UInt64.random(in: 0...9, using: &random) }
            let agreed = Quorum.agreed(peers(configuration, values)) { $0.matchIndex.rawValue }
            let incoming = naiveAgreed(configuration.voters.map { values[$0]! })
            let outgoing = naiveAgreed(configuration.outgoingVoters.map { values[$0]! })
            guard agreed == min(incoming, outgoing) else {
                Issue.record("\(configuration) with \(values): \(agreed)")
                return
            }
        }
    }

    @Test func votesAreCountedAsTheyAreNaively() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<30_000 {
            let configuration = Self.configuration(using: &random)
            var votes: [NodeID: Bool] = [:]
            for id in configuration.members where Bool.random(using: &random) {
                votes[id] = Bool.random(using: &random)
            }
            let incoming = naiveVerdict(configuration.voters, votes)
            let outgoing = naiveVerdict(configuration.outgoingVoters, votes)
            let expected: Quorum.Verdict =
                [incoming, outgoing].contains(.lost)
                ? .lost : [incoming, outgoing].contains(.pending) ? .pending : .won
            guard Quorum.verdict(of: configuration, { votes[$0] }) == expected else {
                Issue.record("\(configuration) with \(votes)")
                return
            }
        }
    }

    /// Any two majorities of neighbouring configurations share a voter: what makes changing members safe.
    @Test func neighbouringConfigurationsHaveNoMajoritiesApart() throws {
        var random = SeededRandom(seed: 4)
        for _ in 0..<5_000 {
            let voters = (1...5).filter { _ in Bool.random(using: &random) }.map { NodeID($0) }
            guard !voters.isEmpty else { continue }
            let old = Configuration(voters: voters)
            let steps = (0..<Int.random(in: 1...3, using: &random)).map { _ in Self.step(using: &random) }
            guard let new = try? old.applying(ConfigurationChange(steps)) else { continue }
            for pair in new.isJoint ? [(old, new), (new, new.leavingJoint)] : [(old, new)] {
                for choice in 0..<UInt64(64) {
                    let yes = (1...6).map { NodeID($0) }.filter { choice & (1 << ($0.rawValue - 1)) != 0 }
                    let first = Quorum.verdict(of: pair.0) { yes.contains($0) }
                    let second = Quorum.verdict(of: pair.1) { !yes.contains($0) }
                    #expect(first != .won || second != .won, "\(pair) with \(yes)")
                }
            }
        }
    }

    private static func configuration(using random: inout SeededRandom) -> Configuration {
        func some(_ bound: Int) -> [NodeID] {
            (0..<Int.random(in: 0...bound, using: &random)).map { _ in
                NodeID(UInt64.random(in: 1...9, using: &random))
            }
        }
        return Configuration(voters: some(7), outgoingVoters: some(5), learners: some(2))
    }

    private static func step(using random: inout SeededRandom) -> ConfigurationChange.Step {
        let id = NodeID(UInt64.random(in: 1...6, using: &random))
        switch Int.random(in: 0...2, using: &random) {
        case 0: return .addVoter(id)
        case 1: return .addLearner(id)
        default: return .remove(id)
        }
    }
}
