import ApusCoordination
import ApusPrimitives
import CoordinationConformance
import TestSupport
import Testing

@testable import ApusEtcd

/// What every store must do, over a real etcd and over `apus server`, one member and three.
@Suite struct ConformanceTests {
    @Test(.timeLimit(.minutes(5)), arguments: [1, 3])
    func etcd(members: Int) async throws {
        try await Self.check(EtcdServer(.etcd(), count: members))
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 3])
    func apus(members: Int) async throws {
        try await Self.check(EtcdServer(.apus(), count: members))
    }

    /// All checks, one after the other, on one control plane.
    static func check(_ server: EtcdServer) async throws {
        try await EtcdStore.with(server.endpoints) { store in
            for (index, check) in CoordinationConformance.checks.enumerated() {
                let subject = CoordinationConformance.Subject(store: store, prefix: Bytes("check-\(index)/")) {
                    try await letRealTimePass($0)
                }
                do {
                    try await check.body(subject)
                } catch {
                    Issue.record("\(check): \(error)")
                }
            }
        }
    }
}

/// Waits for the store's own clock, which nobody can move.
func letRealTimePass(_ duration: Duration) async throws {
    let end = ContinuousClock.now + duration
    try await eventually { ContinuousClock.now >= end }
}
