import ApusKV
import ApusPrimitives
import DiskSimulation
import Logging
import TestSupport
import Testing

@testable import ApusCoordination

/// The power goes at a random operation of the disk, again and again; what was acknowledged must be there afterwards.
@Suite struct CrashTests {
    /// What one writer knows of its keys: nobody else writes them.
    private struct Knowledge {
        /// nil: deleted.
        var acknowledged: [Bytes: Bytes?] = [:]
        var leases: Set<LeaseID> = []
        /// Asked for, and never answered.
        var inFlight: (key: Bytes, value: Bytes?)?
        var revokedInFlight: LeaseID?
        var revision = Revision.zero
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `what was acknowledged survives any loss of power`(_ seed: UInt64) async throws {
        let root = try TemporaryDirectory()
        var random = SeededRandom(seed: seed)
        var writers = [Knowledge](repeating: Knowledge(), count: 4)
        for round in 0..<6 {
            let disk = try SimulatedDisk(
                folder: root.file("\(round)"), seed: random.next(), operations: Int.random(in: 1...90, using: &random))
            if let store = try open(disk) {
                try check(store, &writers)
                writers = await withTaskGroup { group in
                    for (index, knowledge) in writers.enumerated() {
                        let seed = random.next()
                        group.addTask { (index, await write(to: store, as: index, knowledge, seed: seed)) }
                    }
                    return await group.reduce(into: writers) { $0[$1.0] = $1.1 }
                }
                await store.close()
            }
            #expect(disk.isDead)
            try disk.recover(to: root.file("\(round + 1)"))
        }
        let end = try EmbeddedStore(directory: root.file("6"), logger: .quiet)
        try check(end, &writers)
        try await end.put("works", "on")
        await end.close()
    }

    /// nil: the power went while it opened. That it finds the folder damaged is a failure.
    private func open(_ disk: SimulatedDisk) throws -> EmbeddedStore? {
        var limits = EmbeddedStoreLimits()
        limits.snapshotAfterLogBytes = 600
        do {
            return try EmbeddedStore(
                directory: disk.folder, limits: limits, time: ManualTime().source, logger: .quiet, disk: disk.disk)
        } catch let error as CoordinationError where error.code == .failed && disk.isDead {
            return nil
        }
    }

    /// Takes over what was in flight as it turned out.
    private func check(_ store: EmbeddedStore, _ writers: inout [Knowledge]) throws {
        let state = store.snapshot
        for index in writers.indices {
            #expect(state.revision >= writers[index].revision)
            if let lease = writers[index].revokedInFlight, state.lease(lease) == nil {
                writers[index].leases.remove(lease)
            }
            for lease in writers[index].leases { #expect(state.lease(lease) != nil) }
            let inFlight = writers[index].inFlight
            for (key, value) in writers[index].acknowledged {
                let found = try state.range(RangeRequest(.key(key))).kvs.first?.value
                if let inFlight, inFlight.key == key, found == inFlight.value {
                    writers[index].acknowledged[key] = .some(found)
                } else {
                    #expect(found == value, "\(key)")
                }
            }
            writers[index].inFlight = nil
            writers[index].revokedInFlight = nil
        }
    }

    /// Writes until the disk is dead.
    private func write(to store: EmbeddedStore, as index: Int, _ before: Knowledge, seed: UInt64) async -> Knowledge {
        var knowledge = before
        var random = SeededRandom(seed: seed)
        do {
            while true {
                switch Int.random(in: 0..<12, using: &random) {
                case 0:
                    knowledge.leases.insert(try await store.grantLease(ttlSeconds: 10).id)
                case 1:
                    guard let lease = knowledge.leases.min() else { continue }
                    knowledge.revokedInFlight = lease
                    try await store.revokeLease(lease)
                    knowledge.leases.remove(lease)
                    knowledge.revokedInFlight = nil
                case 2:
                    try? await store.compact(at: store.revision)
                default:
                    let key = Bytes("w\(index)/\(Int.random(in: 0..<4, using: &random))")
                    let isDeletion = Int.random(in: 0..<4, using: &random) == 0
                    let size = Int.random(in: 0..<2, using: &random) * 700 + 8
                    let value = Bytes((0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
                    // Unknown until the answer comes.
                    if knowledge.acknowledged[key] == nil { knowledge.acknowledged[key] = .some(nil) }
                    knowledge.inFlight = (key, isDeletion ? nil : value)
                    let revision =
                        isDeletion
                        ? try await store.delete(DeleteRangeRequest(.key(key))).revision
                        : try await store.put(key, value)
                    knowledge.acknowledged[key] = .some(isDeletion ? nil : value)
                    knowledge.inFlight = nil
                    knowledge.revision = max(knowledge.revision, revision)
                }
            }
        } catch {
            return knowledge
        }
    }
}
