import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// Three nodes with their logs on disk.
@Suite struct DiskClusterTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func cluster(settings: NodeSettings = .test) -> Cluster {
        var options = RaftLogOptions()
        options.segmentBytes = 64 << 10
        options.snapshotReserveBytes = 64 << 10
        return Cluster(
            settings: settings,
            storage: { [folder, options] id in try DiskStorage.open(folder: folder.file("\(id)"), options: options) })
    }

    @Test func `one node and all nodes come back from their disks`() async throws {
        try await withCluster(cluster()) { cluster in
            let leader = try await cluster.leader()
            try await cluster.whileTicking { for number in 0..<50 { _ = try await leader.write("\(number)") } }
            await cluster.stop(leader.id.rawValue)
            let next = try await cluster.leader()
            try await cluster.whileTicking { for number in 50..<60 { _ = try await next.write("\(number)") } }
            try cluster.start(leader.id.rawValue)
            #expect(try await cluster.converge(60) == (0..<60).map(String.init))
            for id in 1...3 as ClosedRange<UInt64> { await cluster.stop(id) }
            for id in 1...3 as ClosedRange<UInt64> { try cluster.start(id) }
            _ = try await cluster.leader()
            _ = try await cluster.whileTicking { try await cluster[3].write("60") }
            #expect(try await cluster.converge(61) == (0...60).map(String.init))
        }
    }

    @Test func `snapshots are taken, sent and found again on disk`() async throws {
        var settings = NodeSettings.test
        settings.snapshotAfterBytes = 40_000
        settings.raft.trailingEntries = 5
        settings.raft.snapshotChunkBytes = 3_000
        try await withCluster(cluster(settings: settings)) { cluster in
            let leader = try await cluster.leader()
            let away = try #require(try await cluster.followers().first)
            await cluster.stop(away.id.rawValue)
            try await cluster.whileTicking {
                try await withThrowingTaskGroup { group in
                    for number in 0..<1_000 { group.addTask { try await leader.write("\(number)") } }
                    try await group.waitForAll()
                }
            }
            try await cluster.until { try await leader.status.raft.firstIndex > LogIndex(300) }
            try cluster.start(away.id.rawValue)
            let lines = try await cluster.converge(1_000)
            #expect(Set(lines).count == 1_000)
            try await cluster.until {
                try await cluster[away.id.rawValue].status.raft.snapshot?.index ?? .zero > LogIndex(300)
            }
            for id in 1...3 as ClosedRange<UInt64> { await cluster.stop(id) }
            for id in 1...3 as ClosedRange<UInt64> { try cluster.start(id) }
            _ = try await cluster.leader()
            #expect(try await cluster.converge(1_000) == lines)
        }
    }

    @Test func `a folder belongs to one node at a time`() async throws {
        try await withCluster(cluster()) { cluster in
            _ = try await cluster.leader()
            let error = #expect(throws: NodeError.self) { try DiskStorage.open(folder: folder.file("1")) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("in use") == true, "\(String(describing: error))")
        }
    }
}
