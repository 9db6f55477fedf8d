import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation

/// The members under attack, and what is known of them.
final class Cluster: Sendable {
    let lab: Lab
    let size: Int
    let endpoints: [Endpoint]
    private let program: [String]
    private let work: URL
    private let servers: Locked<[Int: Server]>
    private let generations = Locked<[Int: Int]>([:])

    /// Starts a new cluster.
    init(size: Int, program: [String], work: URL) throws {
        lab = try Lab(members: size)
        self.size = size
        self.program = program
        self.work = work
        endpoints = try (1...size).map { try Endpoint($0) }
        let founders = (1...size).map { "\(Server.name($0, 0))=\(Server.peerURL($0))" }.joined(separator: ",")
        var servers: [Int: Server] = [:]
        for number in 1...size {
            servers[number] = try Server(
                number, generation: 0, program: program, cluster: founders, isNew: true, lab: lab, work: work)
        }
        self.servers = Locked(servers)
        for server in servers.values { try server.start() }
    }

    subscript(number: Int) -> Server? { servers.withLock { $0[number] } }

    /// The member that leads, by what any of them says.
    func leader() async -> Int? {
        for endpoint in endpoints {
            guard let status = try? await endpoint.status(), status.leader != 0 else { continue }
            if status.leader == status.header.memberID { return endpoint.number }
            guard let members = try? await endpoint.members(),
                let leader = members.first(where: { $0.id == status.leader })
            else { continue }
            return (1...size).first { leader.peerUrls.contains(Server.peerURL($0)) }
        }
        return nil
    }

    /// Waits until every member answers reads that are up to date.
    ///
    /// - Throws: `Shell.Failure` when one does not within `limit`.
    func waitUntilHealthy(within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        for endpoint in endpoints {
            while (try? await endpoint.range(Workload.prefix, serializable: false)) == nil {
                guard ContinuousClock.now < end else {
                    let server = self[endpoint.number]
                    throw Shell.Failure(
                        description: """
                            member \(endpoint.number) serves no reads \(limit) after everything was healed; \
                            \(server?.hasEnded == true ? "it has ended" : "it runs"):\n\(server?.lastWords ?? "")
                            """)
                }
                try await TimeSource.continuous.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Removes a member for ever, and lets another one join in its place, with an empty disk.
    func replace(_ number: Int) async throws {
        let others = endpoints.filter { $0.number != number }
        guard let helper = others.first, let old = self[number] else { return }
        // Members that have just come back make a change wait, and an answer may be lost: what is there decides.
        let gone: UInt64? = try await insist {
            let members = try await helper.members()
            guard let member = members.first(where: { $0.peerUrls.contains(Server.peerURL(number)) }) else {
                return nil
            }
            try await helper.removeMember(member.id)
            return member.id
        }
        old.discard()
        let members = try await insist {
            let members = try await helper.members()
            let isAdded = members.contains { $0.peerUrls.contains(Server.peerURL(number)) && $0.id != gone }
            return isAdded ? members : try await helper.addMember(at: Server.peerURL(number)).members
        }
        let generation = generations.withLock { generations in
            generations[number, default: 0] += 1
            return generations[number] ?? 0
        }
        let name = Server.name(number, generation)
        let cluster = members.map { member in
            let url = member.peerUrls.first ?? ""
            return "\(url == Server.peerURL(number) ? name : member.name)=\(url)"
        }.joined(separator: ",")
        let server = try Server(
            number, generation: generation, program: program, cluster: cluster, isNew: false, lab: lab, work: work)
        servers.withLock { $0[number] = server }
        try server.start()
    }

    /// Asks again while the cluster says that it is not the moment.
    private func insist<Value>(_ body: () async throws -> Value) async throws -> Value {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await body()
            } catch let error as GRPCError where error.code.isPassing && ContinuousClock.now < end {
                try await TimeSource.continuous.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Whether the program sees the time of day that we choose.
    func canMoveClocks() throws -> Bool {
        guard let server = self[1] else { return false }
        try server.moveClock(to: 3_600)
        defer { try? server.moveClock(to: 0) }
        return server.clockOffset().map { 3_590...3_610 ~= $0 } ?? false
    }

    func stop() {
        for server in servers.withLock({ $0 }).values { server.discard() }
    }
}

extension GRPCCode {
    /// What a cluster under attack may say for a while.
    fileprivate var isPassing: Bool { self == .unavailable || self == .deadlineExceeded || self == .notFound }
}
