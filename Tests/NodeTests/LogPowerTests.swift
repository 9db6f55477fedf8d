import ApusPrimitives
import ApusRaft
import DiskSimulation
import TestSupport
import Testing

@testable import ApusNode

/// The power goes at a random operation of the disk, again and again. Of what was not synced, each sector and each name may
/// have arrived or not; some writes take only a part of what they are given.
@Suite struct LogPowerTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `nothing acknowledged is missing, nothing else is called committed`(_ seed: UInt64) async throws {
        let root = try TemporaryDirectory()
        var random = SeededRandom(seed: seed)
        var options = RaftLogOptions.small
        options.snapshotReserveBytes = Bool.random(using: &random) ? 0 : 4_096
        /// What the log may be: as of the last acknowledged write, and of each one after it.
        var candidates = [LogModel()]
        for round in 0..<5 {
            let disk = try SimulatedDisk(
                folder: root.file("\(round)"), seed: random.next(), operations: Int.random(in: 1...140, using: &random),
                writesShort: true)
            candidates = try await run(on: disk, options, candidates, random: &random)
            try disk.recover(to: root.file("\(round + 1)"))
        }
        let (log, found) = try RaftLog.open(folder: root.file("5"), options: options)
        _ = try check(log, found.state, candidates)
        await log.close()
    }

    /// - Returns: what the log may be after the power went.
    private func run(
        on disk: SimulatedDisk, _ options: RaftLogOptions, _ before: [LogModel], random: inout SeededRandom
    ) async throws -> [LogModel] {
        let log: RaftLog
        let found: RaftLog.Recovered
        do throws(RaftLogError) {
            (log, found) = try RaftLog.open(folder: disk.folder, options: options, disk: disk.disk)
        } catch {
            // That it finds the folder damaged would be a failure.
            #expect(error.code == .failed && disk.isDead, "\(error)")
            return before
        }
        var candidates = [try check(log, found.state, before)]
        var workload = LogWorkload(seed: random.next(), after: candidates[0])
        let acknowledged = Locked(0)
        var submitted = 0
        do {
            while !disk.isDead {
                if Int.random(in: 0..<8, using: &random) == 0, let snapshot = workload.ownSnapshot() {
                    // All that was submitted before is in order with it only when it is on disk.
                    try await settle(log, &submitted, acknowledged)
                    candidates = [workload.model]
                    submitted = 0
                    acknowledged.withLock { $0 = 0 }
                    workload.took(snapshot)
                    candidates.append(workload.model)
                    try log.snapshot(snapshot, content: snapshot.testContent)
                    candidates = [workload.model]
                    log.compact(through: snapshot.index)
                    try log.removeSnapshots(keeping: [])
                }
                let write = workload.next()
                candidates.append(workload.model)
                submitted += 1
                try log.append(write) { result in
                    if case .success = result { acknowledged.withLock { $0 += 1 } }
                }
                if Int.random(in: 0..<4, using: &random) == 0 { try await settle(log, &submitted, acknowledged) }
            }
        } catch is RaftLogError {
        }
        await log.close()
        return Array(candidates.dropFirst(acknowledged.withLock { $0 }))
    }

    /// Waits until everything is answered.
    private func settle(_ log: RaftLog, _ submitted: inout Int, _ acknowledged: Locked<Int>) async throws {
        try await eventually { [submitted] in
            if let failure = log.failure { throw failure }
            return acknowledged.withLock { $0 } == submitted
        }
    }

    /// - Returns: which of the candidates the log is, with what it knows to be committed.
    private func check(_ log: RaftLog, _ found: PersistentState, _ candidates: [LogModel]) throws -> LogModel {
        guard var model = candidates.first(where: { $0.isLike(found) }) else {
            throw Unexpected(
                found: "\(found.hardState) \(found.snapshot?.index ?? .zero) \(found.entries.map(\.index))")
        }
        #expect(found.hardState.commitIndex <= model.lastIndex)
        if let snapshot = found.snapshot { #expect(try log.content(of: snapshot) == snapshot.testContent) }
        model.hardState.commitIndex = max(found.hardState.commitIndex, found.snapshot?.index ?? .zero)
        return model
    }

    private struct Unexpected: Error {
        let found: String
    }
}
