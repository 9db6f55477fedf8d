import ApusChannels
import ApusEtcdAPI
import ApusGRPC
import ApusNode
import ApusPrimitives
import ApusRaft
import ServiceLifecycle

/// Ends streams whose callers want a leader (`hasleader: true`) when there has been none for three election timeouts, as etcd.
final class LeaderMonitor: Service {
    private static let patience = 3

    private let node: ReplicatedNode<ControlMachine>
    private let interval: Duration
    private let lost = Locked(Signal<Void>())

    init(node: ReplicatedNode<ControlMachine>, interval: Duration) {
        self.node = node
        self.interval = interval
    }

    var hasLeader: Bool { node.standing.leader != nil }

    /// Waits until there has been no leader for long.
    func waitForLoss() async throws {
        try await lost.withLock { $0 }.value
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var without = 0
            while (try? await Task.sleep(for: self.interval)) != nil {
                without = self.hasLeader ? 0 : without + 1
                guard without == Self.patience else { continue }
                let lost = self.lost.withLock { lost in
                    defer { lost = Signal() }
                    return lost
                }
                lost.send()
            }
        }
    }
}

extension GRPCRequestHead {
    /// The caller does not want to be served by a member that has no leader.
    var wantsLeader: Bool { metadata["hasleader"] == "true" }
}

extension ControlCore {
    /// Runs the body of a stream; a caller who wants a leader is told when there is none any more.
    func withLeader(_ head: GRPCRequestHead, _ body: @escaping @Sendable () async throws -> Void) async throws {
        guard head.wantsLeader else { return try await Self.statusOf(body) }
        let monitor = leaderMonitor
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await monitor.waitForLoss()
                throw EtcdError.noLeader.status
            }
            group.addTask { try await Self.statusOf(body) }
            try await group.next()
            group.cancelAll()
        }
    }

    private static func statusOf(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as EtcdError {
            throw error.status
        }
    }
}

/// What is refused before a service is asked, whatever the call: without a leader, to who wants one; most of it at a learner.
struct MemberGate: GRPCServerMiddleware {
    let core: ControlCore

    /// What a learner answers; ranges look at themselves whether they are serializable.
    private static let forLearners: Set<String> = [
        "\(EtcdService.kv)/Range", "\(EtcdService.maintenance)/Status", "\(EtcdService.maintenance)/Snapshot",
    ]

    func began(_ head: inout GRPCRequestHead) throws {
        if !core.leaderMonitor.hasLeader, head.wantsLeader { throw EtcdError.noLeader.status }
        if core.view.isLearner, !Self.forLearners.contains(head.path) {
            throw EtcdError.notSupportedForLearner.status
        }
    }
}
