import ApusPrimitives
import ApusRaft
import Testing

@testable import ApusNode

/// Any sequence of writes, snapshots, compactions and restarts leaves what a naive log would have.
@Suite struct LogModelTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `a log is what a naive one is`(_ seed: UInt64) async throws {
        var bench = try LogBench()
        var random = SeededRandom(seed: seed)
        bench.options.maximumSpareSegments = Int.random(in: 1...3, using: &random)
        var model = LogModel()
        for _ in 0..<5 {
            let (log, found) = try bench.open()
            #expect(model.isLike(found.state))
            var workload = LogWorkload(seed: random.next(), after: model)
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                try await step(log, &workload, &random)
            }
            await log.close()
            model = workload.model
            // A restart forgets which entries a snapshot made superfluous.
            model.hardState.commitIndex = max(model.hardState.commitIndex, model.snapshot?.index ?? .zero)
        }
        let (log, found) = try bench.open()
        #expect(model.isLike(found.state))
        if let snapshot = found.state.snapshot { #expect(try log.content(of: snapshot) == snapshot.testContent) }
        await log.close()
    }

    private func step(_ log: RaftLog, _ workload: inout LogWorkload, _ random: inout SeededRandom) async throws {
        if Int.random(in: 0..<10, using: &random) == 0, let snapshot = workload.ownSnapshot() {
            try log.snapshot(snapshot, content: snapshot.testContent)
            workload.took(snapshot)
            log.compact(through: snapshot.index)
            try log.removeSnapshots(keeping: [])
        }
        if Bool.random(using: &random) {
            try await log.write(workload.next())
        } else {
            // Not waited for: it shares a record with what follows.
            try log.append(workload.next()) { result in
                #expect(throws: Never.self) { try result.get() }
            }
        }
    }
}
