import ApusEtcdAPI
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import ServiceLifecycle

/// Compacts history by itself, at the leader, as etcd's periodic and revision modes do.
struct AutoCompactor: Service {
    let core: ControlCore

    /// In revision mode, how often it looks.
    private static let revisionInterval = Duration.seconds(300)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            switch core.settings.autoCompaction {
            case .off: break
            case .revision(let kept): await keep(revisions: kept)
            case .periodic(let period): await keep(period)
            }
        }
        try? await gracefulShutdown()
    }

    private func keep(revisions: Int64) async {
        var last: Int64 = 0
        while (try? await Task.sleep(for: Self.revisionInterval)) != nil {
            let target = core.view.revision.rawValue - revisions
            if target > max(0, last), await compact(at: target) { last = target }
        }
    }

    /// Notes the revision ten times in each interval, which is the period or an hour, and compacts at the one of a period ago.
    private func keep(_ period: Duration) async {
        let interval = min(period, .seconds(3_600))
        let step = interval / 10
        let kept = max(1, Int(period / step))
        var seen: [Int64] = []
        var sinceCompaction = 0
        var last: Int64 = 0
        while (try? await Task.sleep(for: step)) != nil {
            seen.append(core.view.revision.rawValue)
            if seen.count > kept + 1 { seen.removeFirst() }
            sinceCompaction += 1
            guard seen.count > kept, sinceCompaction >= 10, let target = seen.first, target > last else { continue }
            if await compact(at: target) {
                last = target
                sinceCompaction = 0
            }
        }
    }

    /// Whether this member leads, and history before `revision` is gone.
    private func compact(at revision: Int64) async -> Bool {
        guard core.node.standing.role == .leader else { return false }
        do throws(EtcdError) {
            let result = await withCheckedContinuation { continuation in
                core.compact(at: Revision(revision), Caller(user: "root", authRevision: 0)) {
                    continuation.resume(returning: $0)
                }
            }
            _ = try result.get().result.get()
            core.logger.info("compacted by itself", metadata: ["revision": "\(revision)"])
            return true
        } catch {
            if error == .compacted { return true }
            core.logger.warning("not compacted", metadata: ["revision": "\(revision)", "error": "\(error)"])
            return false
        }
    }
}
