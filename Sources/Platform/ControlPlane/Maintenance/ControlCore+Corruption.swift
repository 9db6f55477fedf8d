import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import NIOPosix
import ServiceLifecycle

/// Finds members whose data are not those of the others: the leader names a revision, every member computes etcd's hash of its
/// store there and puts it into the log, and all see alike who stands alone.
struct CorruptionCheck: Service {
    private static let interval = Duration.seconds(1)

    let core: ControlCore

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var next = ContinuousClock.now + core.settings.corruptCheckTime
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                if core.settings.corruptCheckTime > .zero, ContinuousClock.now >= next {
                    next = .now + core.settings.corruptCheckTime
                    if core.node.standing.role == .leader { try? await core.startCorruptionCheck() }
                }
                try? await core.reportHash()
            }
        }
        try? await gracefulShutdown()
    }
}

extension ControlCore {
    /// Asks every member for the hash of its data as they are now.
    func startCorruptionCheck() async throws(EtcdError) {
        let revision = try await read(linearizable: true) { machine in machine.store.revision }
        _ = try await propose(.alarm(.compareHashes(at: revision)))
    }

    /// Answers a check that is under way, once.
    func reportHash() async throws(EtcdError) {
        let memberID = memberID
        let asked = try await read(linearizable: false) { machine -> (KVStore, Revision)? in
            guard let check = machine.alarms.hashCheck, check.isOpen(for: memberID),
                machine.store.revision >= check.revision
            else { return nil }
            return (machine.store, check.revision)
        }
        guard let (store, revision) = asked else { return }
        let hash: UInt32
        do throws(EtcdError) {
            hash = try await Self.hash(of: store, at: revision)
        } catch {
            guard error == .compacted else { throw error }
            return
        }
        _ = try await propose(
            .alarm(
                .reportHash(
                    .init(member: memberID, compacted: store.compactedRevision, hash: hash), at: revision)))
    }

    static func hash(of store: KVStore, at revision: Revision) async throws(EtcdError) -> UInt32 {
        let result: Result<UInt32, EtcdError>
        do {
            result = try await NIOThreadPool.singleton.runIfActive {
                do throws(KVError) {
                    return .success(try store.hash(at: revision))
                } catch {
                    return .failure(EtcdError(error))
                }
            }
        } catch {
            throw .stopped
        }
        return try result.get()
    }
}
