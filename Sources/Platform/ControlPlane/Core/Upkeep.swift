import ApusChannels
import ApusEtcdAPI
import ApusKV
import ApusNode
import NIOCore
import ServiceLifecycle

/// What a member does regularly on its node's event loop: leases end, watchers hear how far they are. Ends the streams of
/// clients when the member stops, so that nobody waits for them.
struct Upkeep: Service {
    let core: ControlCore

    func run() async throws {
        let (loop, watches, leases) = (core.watches.eventLoop, core.watches, core.leases)
        let leaseTask = loop.scheduleRepeatedTask(
            initialDelay: TimeAmount(LeaseKeeper.tick), delay: TimeAmount(LeaseKeeper.tick)
        ) { _ in leases.tellTime() }
        let progress = TimeAmount(watches.progressTick)
        let core = core
        let progressTask = loop.scheduleRepeatedTask(initialDelay: progress, delay: progress) { _ in
            core.node.readLocally { machine in
                if case .success(let machine) = machine { watches.tellProgress(machine.store) }
            }
        }
        try? await gracefulShutdown()
        leaseTask.cancel()
        progressTask.cancel()
        core.stopping.send()
        loop.execute { watches.stop(.stopped) }
    }
}
