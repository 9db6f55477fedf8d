import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// Three nodes over real sockets.
@Suite struct TCPClusterTests {
    @Test func `connections are cut again and again, and every proposal takes effect once`() async throws {
        let ports = try await freePorts(3)
        let cutters = Locked<[Cutter]>([])
        // Each node is reached through something that cuts.
        var doors: [Int] = []
        for port in ports {
            let cutter = try await Cutter.start(to: port)
            cutters.withLock { $0.append(cutter) }
            doors.append(cutter.port)
        }
        let (listening, reached) = (ports, doors)
        let cluster = Cluster(
            transport: { id in
                let place = Int(id.rawValue - 1)
                // Safe: the address is well-formed.
                return try! TCPTransport(
                    listeningOn: "127.0.0.1:\(listening[place])", advertised: "127.0.0.1:\(reached[place])",
                    cluster: "test", settings: .quick, logger: .silent)
            }, address: { "127.0.0.1:\(reached[Int($0.rawValue - 1)])" })
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            let done = Locked(0)
            try await cluster.whileTicking {
                try await withThrowingTaskGroup { group in
                    for node in cluster.nodes {
                        group.addTask {
                            for step in 0..<40 {
                                _ = try await node.write("\(node.id)/\(step)")
                                let count = done.withLock { count in
                                    count += 1
                                    return count
                                }
                                if count % 20 == 0 { cutters.withLock { $0[count / 20 % 3] }.cut() }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let lines = try await cluster.converge(120)
            #expect(lines.count == 120)
            #expect(Set(lines).count == 120)
            #expect(cutters.withLock { $0.reduce(0) { $0 + $1.cuts } } > 0)
        }
        for cutter in cutters.withLock({ $0 }) { await cutter.stop() }
    }
}
